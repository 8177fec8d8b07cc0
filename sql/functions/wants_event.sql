create or replace function walhook.wants_event(patterns text[], event text, event_type text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(case
               when pattern in ('created', 'updated', 'deleted', 'truncated', 'custom') then pattern = event
               else walhook.glob_matches(pattern, event_type)
           end), false)
    from   unnest(patterns) as pattern
$$;
comment on function walhook.wants_event(text[], text, text) is 'Whether patterns of endpoint.events let an event_type through that a change of the kind event (created, updated, …) makes.';
revoke all on function walhook.wants_event(text[], text, text) from public;
