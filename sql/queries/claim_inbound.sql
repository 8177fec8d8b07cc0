-- claim_inbound: at most $3 due events of the sources $2 for the processor $1, oldest due first.
-- Counts the run that follows, and commits that before it: a handler may take its session down.
with live as materialized (
    select walhook.inbound_processors() as processors
), due as materialized (
    select e.*
    from   unnest($2::text[]) as s (source)
    cross  join lateral (
               select c.id,
                      coalesce(c.next_retry_at, c.received_at) as due_at,
                      c.claimed_by is not null                 as is_abandoned
               from   walhook.inbound_event as c
               where  c.source = s.source collate "C"
               and    (c.status = 'received' or (c.status = 'failed' and c.next_retry_at is not null))
               and    coalesce(c.next_retry_at, c.received_at) <= now()
               and    (c.claimed_by is null or c.claimed_by <> all ((select processors from live)::int8[]))
               order  by coalesce(c.next_retry_at, c.received_at), c.id
               limit  $3
               for    update of c skip locked
           ) as e
    order  by e.due_at, e.id
    limit  $3
)
update walhook.inbound_event as e
set    claimed_by = $1,
       attempts = e.attempts + 1
from   due
where  e.id = due.id
returning e.id, e.source, e.event_id, e.event_type, e.attempts, due.is_abandoned
