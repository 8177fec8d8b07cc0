-- load_endpoint: makes the row of an endpoint of config.toml follow the file: its columns as a
-- JSON object $1. Returns how it fares.
with daemon as materialized (
    select set_config('walhook.daemon_writes', 'on', true) as writes
), given as materialized (
    select r.*
    from   daemon
    cross  join jsonb_populate_record(null::walhook.endpoint, $1) as r
    where  daemon.writes = 'on'
)
insert into walhook.endpoint as e
       (id, name, application, url, method, signature, signed, enabled, events, include_models, exclude_models,
        include_fields, exclude_fields, redact_fields, exclude_origins, condition, transform, headers, auth, tls,
        timeout, retry, ordering, max_in_flight, rate_limit_per_second, failure_rest, alert_after, disable_after,
        disable_min_duration, managed_by, active_from)
select g.id, g.name, g.application, g.url, g.method, g.signature, g.signed, g.enabled, g.events, g.include_models,
       g.exclude_models, g.include_fields, g.exclude_fields, g.redact_fields, g.exclude_origins, g.condition,
       g.transform, g.headers, g.auth, g.tls, g.timeout, g.retry, g.ordering, g.max_in_flight,
       g.rate_limit_per_second, g.failure_rest, g.alert_after, g.disable_after, g.disable_min_duration,
       'config', '0/0'
from   given as g
on conflict (id) do update
set    name = excluded.name,
       application = excluded.application,
       url = excluded.url,
       method = excluded.method,
       signature = excluded.signature,
       signed = excluded.signed,
       enabled = excluded.enabled,
       events = excluded.events,
       include_models = excluded.include_models,
       exclude_models = excluded.exclude_models,
       include_fields = excluded.include_fields,
       exclude_fields = excluded.exclude_fields,
       redact_fields = excluded.redact_fields,
       exclude_origins = excluded.exclude_origins,
       condition = excluded.condition,
       transform = excluded.transform,
       headers = excluded.headers,
       auth = excluded.auth,
       tls = excluded.tls,
       timeout = excluded.timeout,
       retry = excluded.retry,
       ordering = excluded.ordering,
       max_in_flight = excluded.max_in_flight,
       rate_limit_per_second = excluded.rate_limit_per_second,
       failure_rest = excluded.failure_rest,
       alert_after = excluded.alert_after,
       disable_after = excluded.disable_after,
       disable_min_duration = excluded.disable_min_duration,
       managed_by = 'config',
       active_from = '0/0',
       fault = null,
       removed_at = null,
       updated_at = now()
returning state,
          consecutive_failures,
          failing_since,
          fare_version,
          exists (select from walhook.pending as p where p.endpoint_id = e.id and p.state = 'ready') as has_backlog,
          exists (select from walhook.pending as p where p.endpoint_id = e.id and p.state = 'retry') as has_retries
