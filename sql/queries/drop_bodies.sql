-- drop_bodies: bodies of events $1 in shapes $2, unless a row of the queue refers to them.
delete from walhook.body as b
using  unnest($1::text[], $2::int8[]) as g (event_id, shape)
where  b.event_id = g.event_id
and    b.shape = g.shape
and    not exists (
           select
           from   walhook.pending as p
           where  p.event_id = b.event_id
           and    p.shape = b.shape
       )
