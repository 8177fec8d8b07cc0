create or replace function walhook.inbound_statements(event walhook.inbound_event)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    mapping    walhook.inbound_mapping;
    registered record;
    found_function record;
    statements text[] := '{}';
begin
    select m.* into mapping
    from   walhook.inbound_mapping as m
    where  m.source = event.source
    and    (m.like_patterns = '{}' or coalesce(event.event_type, '') like any (m.like_patterns));
    if found then
        statements := statements || walhook.mapping_statement(
            mapping.table_schema, mapping.table_name, mapping.columns, mapping.conflict, mapping.on_conflict);
    end if;
    for registered in
        -- Once, even if several patterns lead to it.
        select distinct on (h.handler) h.handler, h.owner
        from   walhook.inbound_handler as h
        where  h.source = event.source
        and    coalesce(event.event_type, '') like h.like_pattern
        order  by h.handler, h.registered_at desc
    loop
        select n.nspname, p.proname, p.prorettype, pg_get_userbyid(p.proowner) as owner
        into   found_function
        from   pg_proc      as p
        join   pg_namespace as n on n.oid = p.pronamespace
        where  p.oid = to_regprocedure(registered.handler);
        if not found or found_function.prorettype <> 'void'::regtype then
            raise exception 'the handler % is not there any more', registered.handler
                using errcode = 'undefined_function',
                      hint = 'Create it again, or take it away with walhook.off_inbound.';
        end if;
        if found_function.owner <> registered.owner then
            raise exception 'the handler % belongs to % now, not to % as when it was registered',
                            registered.handler, found_function.owner, registered.owner
                using errcode = 'insufficient_privilege',
                      hint = 'Register it again with walhook.on_inbound.';
        end if;
        statements := statements || format('select %I.%I($1)', found_function.nspname, found_function.proname);
    end loop;
    return statements;
end
$$;
comment on function walhook.inbound_statements(walhook.inbound_event) is 'What run_inbound executes for an event: the insert of its mapping, then its handlers in the order of their names. Fails if a handler is gone.';
revoke all on function walhook.inbound_statements(walhook.inbound_event) from public;
