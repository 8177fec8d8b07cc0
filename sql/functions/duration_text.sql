create or replace function walhook.duration_text(given interval)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select (extract(epoch from given) * 1000)::bigint || 'ms'
$$;
comment on function walhook.duration_text(interval) is 'An interval as config.toml writes durations.';
revoke all on function walhook.duration_text(interval) from public;
