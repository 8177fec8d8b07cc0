-- expire_held: ends as cancelled what endpoint $1, if it is out of service, has held for longer than
-- $2 microseconds, but for what is in memory ($3): the oldest, at most $4 of what is ready and as
-- many of the rest. Returns them with their keys, and whether they were to be tried again.
with holding as (
    -- Locked, so that nobody resumes it meanwhile.
    select id
    from   walhook.endpoint
    where  id = $1
    and    state <> 'active'
    and    held_since <= now() - $2::int8 * interval '1 microsecond'
    for no key update skip locked
), oldest as (
    (
        select delivery_id, parked_at
        from   walhook.pending
        where  endpoint_id = (select id from holding)
        and    state = 'ready'
        and    delivery_id <> all ($3::uuid[])
        order  by commit_lsn, ordinal
        limit  $4
    )
    union all
    -- What is not ready came here before the endpoint was out of service, or just then.
    (
        select delivery_id, parked_at
        from   walhook.pending
        where  endpoint_id = (select id from holding)
        and    (state = 'blocked' or state = 'retry')
        and    delivery_id <> all ($3::uuid[])
        limit  $4
    )
), expired as (
    delete from walhook.pending as p
    using  oldest as o
    where  p.delivery_id = o.delivery_id
    and    o.parked_at <= now() - $2::int8 * interval '1 microsecond'
    returning p.*
), logged as (
    insert into walhook.attempt
           (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
            committed_at, started_at, duration_us, status_code, error_message, payload)
    select x.delivery_id, -1 - x.attempts, x.endpoint_id, x.commit_lsn, x.ordinal, x.event_id, x.event_type, 'cancelled',
           x.committed_at, now(), 0, x.status_code, 'held for longer than [retention] held', b.body
    from   expired as x
    left   join walhook.body as b on b.event_id = x.event_id and b.shape = x.shape
    on conflict do nothing
), bodies as (
    delete from walhook.body as b
    using  (
               -- Of a row that got another shape meanwhile, the snapshot below counts the former one.
               select gone.event_id, gone.shape, count(*) as rows
               from   expired as gone
               join   walhook.pending as p on p.delivery_id = gone.delivery_id and p.shape = gone.shape
               group  by gone.event_id, gone.shape
           ) as x
    where  b.event_id = x.event_id
    and    b.shape = x.shape
    -- As in settle.
    and    x.rows = (
               select count(*)
               from   walhook.pending as p
               where  p.event_id = x.event_id
               and    p.shape = x.shape
           )
)
select delivery_id, key_hash, former_key_hash, state = 'retry' and not is_apart as is_retry
from   expired
