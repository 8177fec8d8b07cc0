-- trim_checkpoints: all of slot $1 before flush $2.
delete from walhook.checkpoint
where  slot  = $1
and    flush < $2
