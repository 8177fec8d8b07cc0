-- Some failure of e0 of the last days.
select a.event_id, a.delivery_id::text
from   walhook.attempt  as a
join   walhook.endpoint as e on e.id = a.endpoint_id
where  a.outcome = 'failed'
and    e.name = 'e0'
and    a.started_at > now() - interval '3 days'
limit  1
