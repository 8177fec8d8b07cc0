-- settle: rows of the queue that are done with, by the version the daemon saw, and bodies
-- that nothing refers to any more. Returns the rows that somebody has locked, which stay: a
-- transaction that is left open must not hold up the log.
with given as (
    select g.delivery_id, g.version
    from   unnest($1::uuid[], $2::int4[]) as g (delivery_id, version)
), free as (
    select p.delivery_id
    from   given           as g
    join   walhook.pending as p on p.delivery_id = g.delivery_id and p.version = g.version
    for    update of p skip locked
), settled as (
    delete from walhook.pending as p
    using  free as f
    where  p.delivery_id = f.delivery_id
    returning p.delivery_id, p.event_id, p.shape
), bodies as (
    delete from walhook.body as b
    using  (select event_id, shape, count(*) as rows from settled group by event_id, shape) as s
    where  b.event_id = s.event_id
    and    b.shape = s.shape
    -- The rows deleted above are still there to this statement's snapshot, in the same shape, since
    -- another one would have raised the version. Counted, since to look each of them up among those
    -- deleted would be quadratic.
    and    s.rows = (
               select count(*)
               from   walhook.pending as p
               where  p.event_id = s.event_id
               and    p.shape = s.shape
           )
)
select g.delivery_id
from   given           as g
join   walhook.pending as p on p.delivery_id = g.delivery_id and p.version = g.version
where  g.delivery_id not in (select f.delivery_id from free as f)
