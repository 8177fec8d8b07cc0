-- due_page: retries of endpoint $1 that are due, but for those in memory ($2), oldest first:
-- at most $3 rows, and $4 bytes; a first one larger than that comes without its body.
select p.delivery_id, p.commit_lsn, p.ordinal, p.event_id, p.event_type, p.committed_at,
       p.key_hash, p.former_key_hash, p.shape, p.attempts, p.charged, p.version, p.bytes,
       case when p.bytes <= $4::int8 then b.body end as body, p.awaits_template,
       p.is_apart, p.cancel_reason
from   (
           select q.*,
                  sum(q.bytes) over (order by q.next_at, q.commit_lsn, q.ordinal, q.delivery_id) - q.bytes as bytes_before
           from   (
                      select *
                      from   walhook.pending
                      where  endpoint_id = $1
                      and    state = 'retry'
                      and    next_at <= now()
                      and    delivery_id <> all ($2)
                      order  by next_at, commit_lsn, ordinal
                      limit  $3
                  ) as q
       ) as p
join   walhook.body as b on b.event_id = p.event_id and b.shape = p.shape
where  p.bytes_before = 0
or     p.bytes_before + p.bytes <= $4::int8
order  by p.next_at, p.commit_lsn, p.ordinal
