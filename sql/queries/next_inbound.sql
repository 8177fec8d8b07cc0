-- next_inbound: microseconds until the next event of the sources $1 is due, below 0 if one is; null if none waits.
select (extract(epoch from min(e.due_at) - clock_timestamp()) * 1000000)::int8
from   unnest($1::text[]) as s (source)
cross  join lateral (
           select coalesce(c.next_retry_at, c.received_at) as due_at
           from   walhook.inbound_event as c
           where  c.source = s.source collate "C"
           and    (c.status = 'received' or (c.status = 'failed' and c.next_retry_at is not null))
           and    c.claimed_by is null
           order  by coalesce(c.next_retry_at, c.received_at)
           limit  1
       ) as e
