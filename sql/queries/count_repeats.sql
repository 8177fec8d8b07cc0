-- count_repeats: events that came $3 times more; returns the places (from 1) of those to forget:
-- counted, or gone. A row that somebody holds is left for later.
with given as materialized (
    select *
    from   unnest($1::text[], $2::text[], $3::int8[]) with ordinality as g (source, event_id, times, n)
), free as materialized (
    select known.id, g.times, g.n
    from   given as g
    -- A row at a time: a join could be planned, on an empty table, as one with all of it.
    cross  join lateral (
        select e.id
        from   walhook.inbound_event as e
        where  e.source = g.source collate "C"
        and    e.event_id = g.event_id collate "C"
        limit  1
        for    update skip locked
    ) as known
), counted as (
    update walhook.inbound_event as e
    set    times_seen = e.times_seen + free.times,
           last_seen_at = now()
    from   free
    where  e.id = free.id
)
select g.n
from   given as g
left   join free on free.n = g.n
left   join lateral (
    select e.id
    from   walhook.inbound_event as e
    where  e.source = g.source collate "C"
    and    e.event_id = g.event_id collate "C"
    limit  1
) as e on true
where  free.id is not null
or     e.id is null
