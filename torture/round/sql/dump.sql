begin isolation level repeatable read;
select count(*) from walhook.attempt;
lock walhook.attempt, walhook.pending, walhook.body, walhook.checkpoint, walhook.owner in access share mode
