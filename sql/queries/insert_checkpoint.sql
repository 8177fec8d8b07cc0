-- insert_checkpoint: in the transaction that settles what it covers.
insert into walhook.checkpoint
       (slot, flush, system_identifier, timeline, commit_lsn, ordinal, confirmed_lsn, replay_floor)
values ($1, $2, $3, $4, $5, $6, $7, $8)
