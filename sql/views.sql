-- Filters and order reach the indexes of the log only as long as nothing but a table stands in each
-- branch of the union, without a condition of its own; hence is_current and the joins outside.
create or replace view walhook.webhook_log with (security_invoker = true) as
select delivery.id                                          as id,
       delivery.event_id                                    as event_id,
       endpoint.name                                        as endpoint_name,
       delivery.event_type                                  as event_type,
       convert_from(coalesce(delivery.payload, body.body), 'UTF8')::json as payload,
       delivery.status                                      as status,
       delivery.status_code                                 as status_code,
       delivery.error_message                               as error_message,
       delivery.attempts                                    as attempts,
       delivery.created_at                                  as created_at,
       delivery.completed_at                                as completed_at,
       delivery.next_retry_at                               as next_retry_at
from   (
           select final.delivery_id                                                as id,
                  final.endpoint_id                                                as endpoint_id,
                  final.event_id                                                   as event_id,
                  final.event_type                                                 as event_type,
                  final.payload                                                    as payload,
                  null::bigint                                                     as shape,
                  final.outcome                                                    as status,
                  final.outcome in ('success', 'failed', 'cancelled')              as is_current,
                  final.status_code                                                as status_code,
                  final.error_message                                              as error_message,
                  -- A row that ends a delivery without an attempt is numbered from -1 downwards.
                  case when final.attempt > 0 then final.attempt else -1 - final.attempt end as attempts,
                  final.committed_at                                               as created_at,
                  final.started_at + final.duration_us * interval '1 microsecond'  as completed_at,
                  null::timestamptz                                                as next_retry_at
           from   walhook.attempt as final
           union all
           select final.delivery_id,
                  final.endpoint_id,
                  final.event_id,
                  final.event_type,
                  final.payload,
                  null,
                  final.outcome,
                  final.outcome in ('success', 'failed', 'cancelled'),
                  final.status_code,
                  final.error_message,
                  case when final.attempt > 0 then final.attempt else -1 - final.attempt end,
                  final.committed_at,
                  final.started_at + final.duration_us * interval '1 microsecond',
                  null
           from   walhook.failed_attempt as final
           union all
           select pending.delivery_id,
                  pending.endpoint_id,
                  pending.event_id,
                  pending.event_type,
                  null,
                  pending.shape,
                  case
                      when pending.is_cancelled then 'cancelled'
                      when pending.state = 'held' then 'held'
                      when exists (
                          select
                          from   walhook.endpoint as receiver
                          where  receiver.id = pending.endpoint_id
                          and    (receiver.state <> 'active' or receiver.fault is not null)
                      ) then 'held'
                      when pending.attempts > 0 then 'retrying'
                      else 'pending'
                  end,
                  true,
                  pending.status_code,
                  coalesce(pending.cancel_reason, pending.error_message),
                  pending.attempts,
                  pending.committed_at,
                  null,
                  case when not pending.is_cancelled then pending.next_at end
           from   walhook.pending as pending
       ) as delivery
join   walhook.endpoint as endpoint on endpoint.id = delivery.endpoint_id
left   join walhook.body as body on body.event_id = delivery.event_id and body.shape = delivery.shape
where  delivery.is_current;
comment on view walhook.webhook_log is 'One row a delivery: how it ended, or where it stands.';
comment on column walhook.webhook_log.id is 'The delivery: X-Webhook-Delivery.';
comment on column walhook.webhook_log.event_id is 'The event: X-Webhook-Event-Id.';
comment on column walhook.webhook_log.endpoint_name is 'The receiver.';
comment on column walhook.webhook_log.event_type is 'As in order.updated.';
comment on column walhook.webhook_log.payload is 'The body as sent, or what the endpoint''s transform is given if that has not succeeded; null where [delivery] log_payload does not keep it.';
comment on column walhook.webhook_log.status is 'pending, retrying, success, failed, held or cancelled.';
comment on column walhook.webhook_log.status_code is 'HTTP status of the last attempt.';
comment on column walhook.webhook_log.error_message is 'What went wrong in the last attempt.';
comment on column walhook.webhook_log.attempts is 'Attempts made.';
comment on column walhook.webhook_log.created_at is 'Commit time of the change.';
comment on column walhook.webhook_log.completed_at is 'When the delivery ended.';
comment on column walhook.webhook_log.next_retry_at is 'When the next attempt is due.';

create or replace view walhook.webhook_attempt with (security_invoker = true) as
select attempt.delivery_id                                  as delivery_id,
       attempt.event_id                                     as event_id,
       endpoint.name                                        as endpoint_name,
       attempt.attempt                                      as attempt,
       attempt.started_at                                   as started_at,
       round(attempt.duration_us / 1000.0, 3)               as duration_ms,
       endpoint.method                                      as method,
       split_part(split_part(endpoint.url, '#', 1), '?', 1)
           || regexp_replace(regexp_replace(
                  substr(split_part(endpoint.url, '#', 1), length(split_part(split_part(endpoint.url, '#', 1), '?', 1)) + 1),
                  '([?&][^=&]*)=[^&]*', E'\\1=***', 'g'),
                  -- Without a name it is a value.
                  '([?&])[^=&]+(?=&|$)', E'\\1***', 'g')     as url,
       jsonb_strip_nulls(jsonb_build_object(
           'Content-Type',          'application/json',
           'X-Webhook-Event',       attempt.event_type,
           'X-Webhook-Event-Id',    attempt.event_id,
           'X-Webhook-Delivery',    attempt.delivery_id,
           'X-Webhook-Attempt',     attempt.attempt::text,
           'X-Webhook-Timestamp',   floor(extract(epoch from attempt.started_at))::bigint::text,
           case endpoint.signature[1]
               when 'standard'    then 'webhook-signature'
               when 'x-signature' then 'X-Signature'
               else 'X-Webhook-Signature'
           end,                     attempt.signature))     as request_headers,
       attempt.status_code                                  as status_code,
       attempt.response_headers::json                       as response_headers,
       attempt.response_body                                as response_body,
       attempt.error_class                                  as error_class,
       attempt.error_message                                as error_message
from   (
           select * from walhook.attempt
           union all
           select * from walhook.failed_attempt
       ) as attempt
join   walhook.endpoint as endpoint on endpoint.id = attempt.endpoint_id
where  attempt.attempt > 0;
comment on view walhook.webhook_attempt is 'One row an attempt: what was sent and what came back.';
comment on column walhook.webhook_attempt.delivery_id is 'The delivery: webhook_log.id.';
comment on column walhook.webhook_attempt.event_id is 'The event.';
comment on column walhook.webhook_attempt.endpoint_name is 'The receiver.';
comment on column walhook.webhook_attempt.attempt is 'From 1.';
comment on column walhook.webhook_attempt.started_at is 'When it began.';
comment on column walhook.webhook_attempt.duration_ms is 'Milliseconds from its begin to its outcome.';
comment on column walhook.webhook_attempt.method is 'HTTP method; null where the endpoint leaves it to [delivery] in config.toml.';
comment on column walhook.webhook_attempt.url is 'The endpoint''s URL, without user info, query values masked.';
comment on column walhook.webhook_attempt.request_headers is 'walhook''s own request headers, rebuilt; custom headers and authorization are not kept.';
comment on column walhook.webhook_attempt.status_code is 'HTTP status, if an answer came.';
comment on column walhook.webhook_attempt.response_headers is 'Headers of the answer, secrets masked.';
comment on column walhook.webhook_attempt.response_body is 'Beginning of the answer''s body.';
comment on column walhook.webhook_attempt.error_class is 'dns, connect, timeout, tls, reset, protocol, blocked_address, http_status, auth, template or condition; null for a 2xx.';
comment on column walhook.webhook_attempt.error_message is 'What went wrong.';

create or replace view walhook.inbound_log with (security_invoker = true) as
select event.id                                             as id,
       event.received_at                                    as received_at,
       event.source                                         as source,
       event.event_type                                     as event_type,
       event.event_id                                       as event_id,
       event.status                                         as status,
       event.claimed_by is not null                         as is_running,
       event.attempts                                       as attempts,
       event.error_message                                  as error_message,
       event.next_retry_at                                  as next_retry_at,
       event.processed_at                                   as processed_at,
       event.times_seen                                     as times_seen,
       event.last_seen_at                                   as last_seen_at,
       octet_length(event.raw)                              as bytes
from   walhook.inbound_event as event;
comment on view walhook.inbound_log is 'One row an inbound event, without its content: what came when, and what became of it.';
comment on column walhook.inbound_log.id is 'Identity, for retry_inbound.';
comment on column walhook.inbound_log.received_at is 'When it was stored.';
comment on column walhook.inbound_log.source is 'The source.';
comment on column walhook.inbound_log.event_type is 'The provider''s type.';
comment on column walhook.inbound_log.event_id is 'The provider''s id.';
comment on column walhook.inbound_log.status is 'received, processed, failed or ignored.';
comment on column walhook.inbound_log.is_running is 'Whether its handlers are running now.';
comment on column walhook.inbound_log.attempts is 'Runs of its handlers.';
comment on column walhook.inbound_log.error_message is 'What the last run raised.';
comment on column walhook.inbound_log.next_retry_at is 'When it runs again.';
comment on column walhook.inbound_log.processed_at is 'When its handlers had run.';
comment on column walhook.inbound_log.times_seen is 'How often the provider sent it.';
comment on column walhook.inbound_log.last_seen_at is 'When the provider sent it last.';
comment on column walhook.inbound_log.bytes is 'Length of its body or item; null after the retention.';
