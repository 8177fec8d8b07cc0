-- asked_endpoints: endpoints with something in the queue that their lanes may not know of: due
-- retries, and what was cancelled.
select e.id
from   walhook.endpoint as e
where  e.removed_at is null
and    (
           exists (
               select
               from   walhook.pending as p
               where  p.endpoint_id = e.id
               and    p.state = 'retry'
               and    p.next_at <= now()
           )
           or exists (
               select
               from   walhook.pending as p
               where  p.endpoint_id = e.id
               and    p.is_cancelled
           )
       )
