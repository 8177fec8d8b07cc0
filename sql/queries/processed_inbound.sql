-- processed_inbound: places (from 1) of those of the events $2 of the sources $1 that were processed, and when.
select g.n,
       known.processed_at
from   unnest($1::text[], $2::text[]) with ordinality as g (source, event_id, n)
-- A row at a time: a join could be planned, on an empty table, as one with all of it.
cross  join lateral (
    select e.processed_at
    from   walhook.inbound_event as e
    where  e.source = g.source collate "C"
    and    e.event_id = g.event_id collate "C"
    limit  1
) as known
where  known.processed_at is not null
