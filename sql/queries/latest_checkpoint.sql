-- latest_checkpoint: the newest checkpoint of slot $1.
select flush,
       system_identifier,
       timeline,
       commit_lsn,
       ordinal,
       confirmed_lsn,
       replay_floor,
       at
from   walhook.checkpoint
where  slot = $1
order  by flush desc
limit  1
