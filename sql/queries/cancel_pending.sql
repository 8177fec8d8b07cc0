-- cancel_pending: what waits for endpoints that are gone ends as cancelled, in the log.
with cancelled as (
    delete from walhook.pending as p
    using  walhook.endpoint as e
    where  e.id = p.endpoint_id
    and    e.removed_at is not null
    returning p.*
), logged as (
    insert into walhook.attempt
           (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
            committed_at, started_at, duration_us, error_message, payload)
    select c.delivery_id, -1 - c.attempts, c.endpoint_id, c.commit_lsn, c.ordinal, c.event_id, c.event_type, 'cancelled',
           c.committed_at, now(), 0, 'the endpoint was removed', b.body
    from   cancelled as c
    left   join walhook.body as b on b.event_id = c.event_id and b.shape = c.shape
    on conflict do nothing
), bodies as (
    delete from walhook.body as b
    using  (
               -- Of a row that got another shape meanwhile, the snapshot below counts the former one.
               select gone.event_id, gone.shape, count(*) as rows
               from   cancelled as gone
               join   walhook.pending as p on p.delivery_id = gone.delivery_id and p.shape = gone.shape
               group  by gone.event_id, gone.shape
           ) as c
    where  b.event_id = c.event_id
    and    b.shape = c.shape
    -- As in settle.
    and    c.rows = (
               select count(*)
               from   walhook.pending as p
               where  p.event_id = c.event_id
               and    p.shape = c.shape
           )
)
select count(*) from cancelled
