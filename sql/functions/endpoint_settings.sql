create or replace function walhook.endpoint_settings()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'name, application, url, method, signature, enabled, events, include_models, exclude_models, include_fields, '
        || 'exclude_fields, redact_fields, exclude_origins, condition, transform, headers, auth, tls, timeout, retry, '
        || 'ordering, max_in_flight, rate_limit_per_second, failure_rest, alert_after, disable_after, disable_min_duration'
$$;
comment on function walhook.endpoint_settings() is 'Columns of walhook.endpoint that its managers write; the others are the daemon''s books.';
revoke all on function walhook.endpoint_settings() from public;
