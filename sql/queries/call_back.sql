-- call_back: calls function $3.$4 with failure or alert ($1) $2; false if that was done already.
select walhook.call_back($1, $2, $3, $4)
