-- take_slot: the caller becomes the owner of slot $1; returns its epoch, and its first one since
-- anybody else had it.
select epoch, since_epoch from walhook.take_slot($1, $2, $3, $4)
