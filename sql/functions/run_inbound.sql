create or replace function walhook.run_inbound(
    id          bigint,
    attempt     integer,
    -- Evaluated by the caller: the path that handlers would have in a session of their own.
    search_path text default current_setting('search_path')
)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    asked      alias for $1;
    counted    alias for $2;
    their_path alias for $3;
    our_role   text := current_setting('role');
    event      walhook.inbound_event;
    todo       text[];
    statement  text;
begin
    -- Whoever was given up by a former processor may still be at work, or come to it late.
    select e.* into event
    from   walhook.inbound_event as e
    where  e.id = asked and e.attempts = counted and e.status in ('received', 'failed')
    for    update skip locked;
    if not found then
        return case
            when exists (select from walhook.inbound_event as e
                         where  e.id = asked and e.attempts = counted and e.status in ('received', 'failed'))
            then 'locked'
            else 'settled'
        end;
    end if;
    -- Before any change, so that whoever decodes them knows whose they are.
    perform pg_logical_emit_message(true, 'walhook.origin', convert_to(
        format('{"source":%s,"event_id":%s}', to_json(event.source), to_json(event.event_id)), 'UTF8'));
    todo := walhook.inbound_statements(event);
    -- A handler may leave a role and a path behind; the next one gets its own.
    foreach statement in array todo loop
        perform pg_catalog.set_config('search_path', their_path, true);
        execute statement using event;
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        perform pg_catalog.set_config('role', our_role, true);
    end loop;
    update walhook.inbound_event as e
    set    status = case when todo = '{}' then 'ignored' else 'processed' end,
           processed_at = case when todo = '{}' then null else clock_timestamp() end,
           error_message = null,
           next_retry_at = null,
           claimed_by = null
    where  e.id = asked;
    return case when todo = '{}' then 'ignored' else 'processed' end;
end
$$;
comment on function walhook.run_inbound(bigint, integer, text) is 'Runs the mapping and the handlers of an inbound event, and sets its status, all in one transaction. The daemon calls it: returns processed, ignored, locked (somebody is at it) or settled (nothing to do).';
revoke all on function walhook.run_inbound(bigint, integer, text) from public;
