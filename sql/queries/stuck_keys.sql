-- stuck_keys: keys of endpoint $1 that have a retry in the queue, some perhaps twice; what was asked
-- for by hand takes no part in their order. As one value: rows of their own would take ten times
-- the memory.
select coalesce(array_agg(stuck.key), '{}')
from   (
           select p.key_hash as key
           from   walhook.pending as p
           where  p.endpoint_id = $1
           and    p.state = 'retry'
           and    not p.is_apart
           union all
           select p.former_key_hash
           from   walhook.pending as p
           where  p.endpoint_id = $1
           and    p.state = 'retry'
           and    not p.is_apart
           and    p.former_key_hash <> p.key_hash
       ) as stuck
