-- stuck_keys: keys of endpoint $1 that have a retry in the queue; what was asked for
-- by hand takes no part in their order. As one value: rows of their own would take ten times the memory.
select coalesce(array_agg(stuck.key), '{}')
from   (
           select p.key_hash as key
           from   walhook.pending as p
           where  p.endpoint_id = $1
           and    p.state = 'retry'
           and    not p.is_apart
           union
           select p.former_key_hash
           from   walhook.pending as p
           where  p.endpoint_id = $1
           and    p.state = 'retry'
           and    not p.is_apart
       ) as stuck
