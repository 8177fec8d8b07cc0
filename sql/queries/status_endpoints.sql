-- status_endpoints: how each endpoint fares. Its last successes and failures are looked for among
-- its last thousand attempts, so that a long log costs nothing.
select e.name                                                           as endpoint_name,
       e.application,
       e.state,
       e.disabled_reason,
       e.signed,
       e.consecutive_failures,
       to_char(e.failing_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as failing_since,
       coalesce(queue.ready, 0) as ready,
       coalesce(queue.in_flight, 0) as in_flight,
       coalesce(queue.retry, 0) as retry,
       coalesce(queue.blocked, 0) as blocked,
       coalesce(case when e.state = 'active' then queue.held else queue.total end, 0) as held,
       coalesce(queue.total, 0) as queued,
       to_char(queue.oldest_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as oldest_pending_at,
       to_char(recent.success_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last_success_at,
       to_char(recent.failure_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last_failure_at,
       recent.error                                                     as last_error
from   walhook.endpoint as e
left   join (
           -- One pass over the queue, whatever the number of endpoints.
           select p.endpoint_id,
                  count(*) filter (where p.state = 'ready')     as ready,
                  count(*) filter (where p.state = 'in_flight') as in_flight,
                  count(*) filter (where p.state = 'retry')     as retry,
                  count(*) filter (where p.state = 'blocked')   as blocked,
                  count(*) filter (where p.state = 'held')      as held,
                  count(*)                                      as total,
                  min(p.committed_at)                           as oldest_at
           from   walhook.pending as p
           group  by p.endpoint_id
       ) as queue on queue.endpoint_id = e.id
cross  join lateral (
           select max(a.started_at) filter (where a.error_class is null and a.attempt > 0) as success_at,
                  max(a.started_at) filter (where a.error_class is not null)               as failure_at,
                  (array_agg(a.error_class || ': ' || a.error_message order by a.started_at desc)
                      filter (where a.error_class is not null))[1]                         as error
           from   (
                      select l.started_at, l.attempt, l.error_class, l.error_message
                      from   walhook.attempt as l
                      where  l.endpoint_id = e.id
                      order  by l.started_at desc
                      limit  1000
                  ) as a
       ) as recent
where  e.removed_at is null
order  by e.name
