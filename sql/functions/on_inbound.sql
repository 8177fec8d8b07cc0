create or replace function walhook.on_inbound(source text, event_type_pattern text, handler regprocedure)
returns void
language plpgsql
-- So that members of walhook_admin need no right to write the table.
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    found_function pg_proc;
begin
    if source is null or source !~ '^[a-z0-9_-]{1,64}$' then
        raise exception 'source % is not valid', coalesce(quote_literal(source), 'null')
            using errcode = 'invalid_parameter_value',
                  hint = 'Name a source as in [inbound.sources.stripe]: lower-case letters, digits, _ and -.';
    end if;
    if coalesce(event_type_pattern, '') = '' then
        raise exception 'the pattern of event types is empty'
            using errcode = 'invalid_parameter_value',
                  hint = 'Give a type, as in charge.succeeded, or a glob, as in charge.* or *.';
    end if;
    select p.* into found_function from pg_proc as p where p.oid = on_inbound.handler;
    if not found
       or found_function.prokind <> 'f'
       or found_function.proretset
       or found_function.prorettype <> 'void'::regtype
       or found_function.proargtypes::text <> ('walhook.inbound_event'::regtype::oid)::text then
        raise exception 'function % cannot handle inbound events', coalesce(on_inbound.handler::text, 'null')
            using errcode = 'invalid_function_definition',
                  hint = 'A handler is a function with one argument of type walhook.inbound_event that returns void.';
    end if;
    insert into walhook.inbound_handler as h (source, pattern, handler, owner)
    values (on_inbound.source, event_type_pattern, on_inbound.handler::text, pg_get_userbyid(found_function.proowner))
    on conflict on constraint inbound_handler_pkey do update
    set    owner = excluded.owner,
           registered_by = excluded.registered_by,
           registered_at = excluded.registered_at
    where  h.owner <> excluded.owner;
    perform pg_notify('walhook_inbound', '');
end
$$;
comment on function walhook.on_inbound(text, text, regprocedure) is 'Lets a function, the handler, take events of a source whose type matches the pattern (* stands for any characters), from now on. It runs as the daemon''s role.';
revoke all on function walhook.on_inbound(text, text, regprocedure) from public;
