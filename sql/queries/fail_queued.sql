-- fail_queued: a delivery in the queue ends as failed after $3 attempts, the last with status $4,
-- because its row, of version $2, cannot be written as it has become; $6: the callback is to be
-- told of it. Returns it if somebody has locked the row, which stays.
with free as (
    select p.delivery_id
    from   walhook.pending as p
    where  p.delivery_id = $1
    and    p.version = $2
    for    update skip locked
), failed as (
    delete from walhook.pending as p
    using  free as f
    where  p.delivery_id = f.delivery_id
    returning p.*
), logged as (
    insert into walhook.attempt
           (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
            committed_at, started_at, duration_us, status_code, error_message, payload)
    select f.delivery_id, -1 - $3::int4, f.endpoint_id, f.commit_lsn, f.ordinal, f.event_id, f.event_type, 'failed',
           f.committed_at, now(), 0, $4, $5, case when not f.awaits_template then b.body end
    from   failed as f
    left   join walhook.body as b on b.event_id = f.event_id and b.shape = f.shape
    on conflict do nothing
    returning delivery_id, attempt
), told as (
    insert into walhook.failure (delivery_id, attempt)
    select l.delivery_id, l.attempt
    from   logged as l
    where  $6
    on conflict do nothing
), bodies as (
    delete from walhook.body as b
    using  failed as f
    where  b.event_id = f.event_id
    and    b.shape = f.shape
    and    not exists (
               select
               from   walhook.pending as other
               where  other.event_id = f.event_id
               and    other.shape = f.shape
               -- The row deleted above is still there to this statement's snapshot.
               and    other.delivery_id <> f.delivery_id
           )
)
select p.delivery_id
from   walhook.pending as p
where  p.delivery_id = $1
and    p.version = $2
and    not exists (select from free)
