-- pending_counts: rows of the queue for each endpoint.
select endpoint_id, count(*)
from   walhook.pending
group  by endpoint_id
