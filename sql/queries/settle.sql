-- settle: rows of the queue that are done with, by the version the daemon saw, and bodies
-- that nothing refers to any more.
with settled as (
    delete from walhook.pending as p
    using  unnest($1::uuid[], $2::int4[]) as g (delivery_id, version)
    where  p.delivery_id = g.delivery_id
    and    p.version = g.version
    returning p.delivery_id, p.event_id, p.shape
)
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
