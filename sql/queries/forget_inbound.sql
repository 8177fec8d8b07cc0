-- forget_inbound: takes their content from $2 events that came more than $1 microseconds ago; returns how many.
-- Those still to be handled keep it.
with old as materialized (
    select e.id
    from   walhook.inbound_event as e
    where  e.received_at < now() - $1::int8 * interval '1 microsecond'
    and    (e.payload is not null or e.raw is not null)
    and    not (e.status = 'received' or (e.status = 'failed' and e.next_retry_at is not null))
    order  by e.received_at
    limit  $2
    for    update of e skip locked
), forgotten as (
    update walhook.inbound_event as e
    set    payload = null,
           raw = null
    from   old
    where  e.id = old.id
)
select count(*)
from   old
