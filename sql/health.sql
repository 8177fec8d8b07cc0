create or replace view walhook.endpoint_health with (security_invoker = true) as
select endpoint.name                                        as endpoint_name,
       endpoint.application                                 as application,
       endpoint.state                                       as state,
       coalesce(endpoint.disabled_reason, endpoint.fault)   as reason,
       endpoint.signed                                      as signed,
       endpoint.failing_since                               as failing_since,
       endpoint.consecutive_failures                        as consecutive_failures,
       coalesce(queue.in_flight, 0)                         as in_flight,
       coalesce(case when endpoint.state = 'active' then queue.waiting end, 0) as pending,
       coalesce(case when endpoint.state = 'active' then queue.held else queue.held + queue.waiting end, 0) as held,
       queue.oldest_at                                      as oldest_pending_at,
       hour.delivered                                       as delivered_last_hour,
       hour.failed                                          as failed_last_hour,
       latest.success_at                                    as last_success_at,
       latest.failure_at                                    as last_failure_at,
       hour.p95_ms                                          as p95_ms
from   walhook.endpoint as endpoint
left   join (
           -- One pass over the queue, whatever the number of endpoints.
           select pending.endpoint_id,
                  count(*) filter (where pending.state = 'in_flight')                as in_flight,
                  count(*) filter (where pending.state not in ('in_flight', 'held')) as waiting,
                  count(*) filter (where pending.state = 'held')                     as held,
                  min(pending.committed_at)                                          as oldest_at
           from   walhook.pending as pending
           where  not pending.is_cancelled
           group  by pending.endpoint_id
       ) as queue on queue.endpoint_id = endpoint.id
-- However long the log and busy the endpoint: its newest 10,000 attempts.
cross  join lateral (
           select count(*) filter (where attempt.outcome = 'success')               as delivered,
                  count(*) filter (where attempt.outcome = 'failed')                as failed,
                  round((percentile_cont(0.95) within group (order by attempt.duration_us) / 1000)::numeric, 3)::float8 as p95_ms
           from   (
                      select recent.outcome,
                             recent.duration_us
                      from   walhook.attempt as recent
                      where  recent.endpoint_id = endpoint.id
                      and    recent.started_at > now() - interval '1 hour'
                      order  by recent.started_at desc
                      limit  10000
                  ) as attempt
       ) as hour
cross  join lateral (
           select max(attempt.started_at) filter (where attempt.error_class is null and attempt.attempt > 0) as success_at,
                  max(attempt.started_at) filter (where attempt.error_class is not null)                     as failure_at
           from   (
                      select recent.started_at,
                             recent.attempt,
                             recent.error_class
                      from   walhook.attempt as recent
                      where  recent.endpoint_id = endpoint.id
                      order  by recent.started_at desc
                      limit  1000
                  ) as attempt
       ) as latest
where  endpoint.removed_at is null;
comment on view walhook.endpoint_health is 'How each endpoint fares.';
comment on column walhook.endpoint_health.endpoint_name is 'The receiver.';
comment on column walhook.endpoint_health.application is 'The tenant it belongs to.';
comment on column walhook.endpoint_health.state is 'active, paused or disabled; the latter two hold their events. See walhook.resume.';
comment on column walhook.endpoint_health.reason is 'Why it is disabled (gone, failures), or what is wrong with its settings.';
comment on column walhook.endpoint_health.signed is 'Whether its deliveries are signed.';
comment on column walhook.endpoint_health.failing_since is 'Time of the first failure since the last success.';
comment on column walhook.endpoint_health.consecutive_failures is 'Failed attempts since the last success; requests in flight together count once.';
comment on column walhook.endpoint_health.in_flight is 'Deliveries that have been under way for more than two seconds; the metric walhook_in_flight knows the others.';
comment on column walhook.endpoint_health.pending is 'Deliveries in the queue that will be sent: what could not be sent at once.';
comment on column walhook.endpoint_health.held is 'Deliveries in the queue that wait for resume, or for the settings to be mended.';
comment on column walhook.endpoint_health.oldest_pending_at is 'Commit time of the oldest delivery in the queue.';
comment on column walhook.endpoint_health.delivered_last_hour is 'Deliveries that succeeded within the last hour, of its newest 10,000 attempts.';
comment on column walhook.endpoint_health.failed_last_hour is 'Deliveries that finally failed within the last hour, of its newest 10,000 attempts.';
comment on column walhook.endpoint_health.last_success_at is 'When an attempt last succeeded, of its newest 1,000.';
comment on column walhook.endpoint_health.last_failure_at is 'When an attempt last failed, of its newest 1,000.';
comment on column walhook.endpoint_health.p95_ms is 'Milliseconds within which 95 of 100 attempts of the last hour ended, of its newest 10,000.';

create or replace view walhook.queue_health with (security_invoker = true) as
select endpoint.name                                        as endpoint_name,
       queue.status                                         as status,
       sum(queue.deliveries)::bigint                        as deliveries,
       sum(queue.bytes)::bigint                             as bytes,
       min(queue.oldest_at)                                 as oldest_at,
       min(queue.next_due_at)                               as next_due_at
from   walhook.endpoint as endpoint
join   (
           select pending.endpoint_id,
                  case
                      when pending.is_cancelled then 'cancelled'
                      when pending.state = 'held' then 'held'
                      when exists (
                          select
                          from   walhook.endpoint as receiver
                          where  receiver.id = pending.endpoint_id
                          and    receiver.state <> 'active'
                      ) then 'held'
                      when pending.attempts > 0 then 'retrying'
                      else 'pending'
                  end                                       as status,
                  count(*)                                  as deliveries,
                  sum(pending.bytes)                        as bytes,
                  min(pending.committed_at)                 as oldest_at,
                  min(pending.next_at)                      as next_due_at
           from   walhook.pending as pending
           group  by pending.endpoint_id, 2
       ) as queue on queue.endpoint_id = endpoint.id
group  by endpoint.name, queue.status;
comment on view walhook.queue_health is 'What waits in the queue for each endpoint, by status as in webhook_log; nothing where nothing waits.';
comment on column walhook.queue_health.endpoint_name is 'The receiver.';
comment on column walhook.queue_health.status is 'pending, retrying, held or cancelled (to be settled by the daemon).';
comment on column walhook.queue_health.deliveries is 'How many.';
comment on column walhook.queue_health.bytes is 'Size of their bodies; one that several endpoints share counts for each.';
comment on column walhook.queue_health.oldest_at is 'Commit time of the oldest.';
comment on column walhook.queue_health.next_due_at is 'When the next of them is due; null where none waits for a time.';

create or replace view walhook.replication_health with (security_invoker = true) as
select installation.slot                                    as slot,
       coalesce(slot.active, false)                         as active,
       slot.wal_status                                      as wal_status,
       slot.confirmed_flush_lsn                             as confirmed_lsn,
       wal.lag_bytes                                        as lag_bytes,
       -- A daemon with nothing to do confirms only every 64 KB: as long as it streams and is no
       -- further behind than twice that, it has seen everything.
       case
           when slot.active and wal.lag_bytes <= 131072 then 0
           when newest.at is not null then greatest(0, extract(epoch from now() - newest.at))
       end::float8                                          as lag_seconds,
       slot.safe_wal_size                                   as safe_wal_bytes,
       -- What was written since the last checkpoint says how fast the rest goes.
       case
           when slot.wal_status = 'lost' then 0
           when wal.lag_bytes > 131072 and slot.safe_wal_size is not null
               then greatest(0, slot.safe_wal_size) * extract(epoch from now() - newest.at) / wal.lag_bytes
       end::float8                                          as seconds_to_loss,
       trouble.message                                      as last_error
from   walhook.installation as installation
left   join pg_replication_slots as slot on slot.slot_name = installation.slot
cross  join lateral (
           select pg_wal_lsn_diff(
                      case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
                      slot.confirmed_flush_lsn)::bigint     as lag_bytes
       ) as wal
left   join lateral (
           select checkpoint.at
           from   walhook.checkpoint as checkpoint
           where  checkpoint.slot = installation.slot
           order  by checkpoint.flush desc
           limit  1
       ) as newest on true
left   join lateral (
           select alert.message
           from   walhook.alert as alert
           where  alert.kind in ('gap', 'slot_at_risk', 'publication_missing')
           and    alert.acknowledged_at is null
           order  by alert.id desc
           limit  1
       ) as trouble on true;
comment on view walhook.replication_health is 'How far each slot is behind, and how long that may go on.';
comment on column walhook.replication_health.slot is 'The slot that walhook init made.';
comment on column walhook.replication_health.active is 'Whether a daemon streams from it.';
comment on column walhook.replication_health.wal_status is 'reserved, extended, unreserved or lost; null if there is no such slot.';
comment on column walhook.replication_health.confirmed_lsn is 'Everything before it is settled.';
comment on column walhook.replication_health.lag_bytes is 'WAL written since.';
comment on column walhook.replication_health.lag_seconds is 'Age of the last checkpoint; 0 while the daemon keeps up.';
comment on column walhook.replication_health.safe_wal_bytes is 'WAL that may still be written before the slot is lost; null without a limit.';
comment on column walhook.replication_health.seconds_to_loss is 'When that will have been written at the rate since the last checkpoint; null while the daemon keeps up.';
comment on column walhook.replication_health.last_error is 'The newest alert of replication that nobody has acknowledged.';

create or replace view walhook.operation_log with (security_invoker = true) as
select operation.at,
       operation.actor,
       operation.action,
       operation.target,
       operation.details
from   walhook.operation as operation;
comment on view walhook.operation_log is 'Who did what through the functions and tables of this schema.';
comment on column walhook.operation_log.at is 'When.';
comment on column walhook.operation_log.actor is 'The role on whose behalf it was done.';
comment on column walhook.operation_log.action is 'The function called, or insert, update or delete of a table.';
comment on column walhook.operation_log.target is 'Endpoint, model, event type, application or table.';
comment on column walhook.operation_log.details is 'What else was said; never a secret.';
