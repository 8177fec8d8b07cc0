-- release_inbound: runs ($2) of the events $1 that did not come about after all; they are not counted.
with given as materialized (
    select *
    from   unnest($1::int8[], $2::int4[]) as g (id, attempts)
), free as materialized (
    select e.id
    from   given as g
    join   walhook.inbound_event as e on e.id = g.id and e.attempts = g.attempts
    where  e.status in ('received', 'failed')
    for    update of e skip locked
)
update walhook.inbound_event as e
set    claimed_by = null,
       attempts = e.attempts - 1
from   free
where  e.id = free.id
