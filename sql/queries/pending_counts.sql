-- pending_counts: deliveries that wait for each endpoint. Its rows are added up to one.
with many as (
    select endpoint_id
    from   walhook.queue_count
    group  by endpoint_id
    having count(*) > 1
), gone as (
    delete from walhook.queue_count as c
    using  many as m
    where  c.endpoint_id = m.endpoint_id
    returning c.endpoint_id, c.change
), kept as (
    insert into walhook.queue_count (endpoint_id, change)
    select endpoint_id, sum(change)
    from   gone
    group  by endpoint_id
    having sum(change) <> 0
)
select endpoint_id, sum(change)::int8
from   walhook.queue_count
group  by endpoint_id
