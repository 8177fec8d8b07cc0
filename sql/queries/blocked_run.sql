-- blocked_run: blocked deliveries of endpoint $1 with key $2, in order, but for those in memory
-- ($4): the first, and those after it up to one with two keys, at most $3 and $5 bytes; a first
-- one larger than that comes without its body. One with two keys comes alone, and is_held says whether something
-- earlier holds its other key.
with candidates as (
    (
        select *
        from   walhook.pending
        where  endpoint_id = $1
        and    state = 'blocked'
        and    key_hash = $2
        and    delivery_id <> all ($4)
        order  by commit_lsn, ordinal
        limit  $3
    )
    union
    (
        select *
        from   walhook.pending
        where  endpoint_id = $1
        and    state = 'blocked'
        and    former_key_hash = $2
        and    former_key_hash <> key_hash
        and    delivery_id <> all ($4)
        order  by commit_lsn, ordinal
        limit  $3
    )
), run as (
    select c.*,
           row_number() over in_order as place,
           sum(bytes) over in_order - bytes as bytes_before,
           count(*) filter (where key_hash <> former_key_hash) over in_order as doubles
    from   candidates as c
    window in_order as (order by commit_lsn, ordinal rows unbounded preceding)
)
select r.delivery_id, r.commit_lsn, r.ordinal, r.event_id, r.event_type, r.committed_at,
       r.key_hash, r.former_key_hash, r.shape, r.attempts, r.charged, r.version, r.bytes,
       case when r.bytes <= $5::int8 then b.body end as body, r.awaits_template,
       r.key_hash <> r.former_key_hash and exists (
           select
           from   walhook.pending as earlier
           where  earlier.endpoint_id = $1
           and    earlier.state in ('retry', 'blocked')
           and    not earlier.is_apart
           and    (earlier.commit_lsn, earlier.ordinal) < (r.commit_lsn, r.ordinal)
           and    case when r.key_hash = $2 then r.former_key_hash else r.key_hash end
                  in (earlier.key_hash, earlier.former_key_hash)
       ) as is_held,
       r.is_apart, r.cancel_reason
from   run as r
join   walhook.body as b on b.event_id = r.event_id and b.shape = r.shape
where  (r.doubles = 0 or r.place = 1)
and    (r.place = 1 or r.bytes_before + r.bytes <= $5::int8)
order  by r.place
limit  $3
