-- tail_cursor: what is committed now, and the newest ledger flush of slot $1.
select pg_current_snapshot()::text as snapshot,
       coalesce((
           select c.flush
           from   walhook.checkpoint as c
           where  c.slot = $1
           order  by c.flush desc
           limit  1
       ), 0)                       as flush
