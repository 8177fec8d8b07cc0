-- stuck_keys: keys of endpoint $1 that have a retry in the queue; what was asked for
-- by hand takes no part in their order.
select key_hash
from   walhook.pending
where  endpoint_id = $1
and    state = 'retry'
and    not is_apart
union
select former_key_hash
from   walhook.pending
where  endpoint_id = $1
and    state = 'retry'
and    not is_apart
