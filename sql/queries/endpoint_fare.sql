-- endpoint_fare: how endpoint $1 fares, and what waits for it.
select state,
       consecutive_failures,
       failing_since,
       fare_version,
       exists (select from walhook.pending as p where p.endpoint_id = e.id and p.state = 'ready') as has_backlog,
       exists (select from walhook.pending as p where p.endpoint_id = e.id and p.state = 'retry') as has_retries
from   walhook.endpoint as e
where  id = $1
