-- next_due: microseconds until the next retry of endpoint $1 is due, below 0 if it is, but for those in memory ($2); null if there is none.
-- Not greatest(0, …), which would make 0 of none.
select ceil(extract(epoch from min(next_at) - now()) * 1000000)::int8
from   walhook.pending
where  endpoint_id = $1
and    state = 'retry'
and    delivery_id <> all ($2)
