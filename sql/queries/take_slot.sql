-- take_slot: the caller becomes the owner of slot $1; returns the epoch.
select walhook.take_slot($1, $2, $3)
