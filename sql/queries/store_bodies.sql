-- store_bodies: bodies that rows of the queue are about to need, each once.
insert into walhook.body (event_id, shape, body)
select g.event_id, g.shape, g.body
from   unnest($1::text[], $2::int8[], $3::bytea[]) as g (event_id, shape, body)
on conflict do nothing
