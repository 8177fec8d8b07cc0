-- stuck_keys: keys of endpoint $1 that have a retry in the queue.
select key_hash
from   walhook.pending
where  endpoint_id = $1
and    state = 'retry'
union
select former_key_hash
from   walhook.pending
where  endpoint_id = $1
and    state = 'retry'
