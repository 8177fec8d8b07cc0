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
    using  (select distinct event_id, shape from settled) as s
    where  b.event_id = s.event_id
    and    b.shape = s.shape
    and    not exists (
               select
               from   walhook.pending as other
               where  other.event_id = s.event_id
               and    other.shape = s.shape
               -- The rows deleted above are still there to this statement's snapshot.
               and    not exists (select from settled as gone where gone.delivery_id = other.delivery_id)
           )
)
select g.delivery_id
from   given           as g
join   walhook.pending as p on p.delivery_id = g.delivery_id and p.version = g.version
where  g.delivery_id not in (select f.delivery_id from free as f)
