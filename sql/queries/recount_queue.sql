-- recount_queue: reads the whole queue and adds what its counts lack: somebody may have changed it
-- without triggers. One snapshot shows both, so whatever goes on meanwhile is not counted twice.
insert into walhook.queue_count (endpoint_id, change)
select endpoint_id, coalesce(counted.rows, 0) - coalesce(known.rows, 0)
from   (select endpoint_id, count(*) as rows from walhook.pending group by endpoint_id) as counted
full   join (select endpoint_id, sum(change) as rows from walhook.queue_count group by endpoint_id) as known
using  (endpoint_id)
where  coalesce(counted.rows, 0) <> coalesce(known.rows, 0)
