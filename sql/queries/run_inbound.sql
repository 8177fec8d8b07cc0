-- run_inbound: run $2 of the event $1.
select walhook.run_inbound($1, $2)
