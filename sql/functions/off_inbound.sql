create or replace function walhook.off_inbound(source text, event_type_pattern text, handler text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A text, since the function may be gone.
    delete from walhook.inbound_handler as h
    where  h.source = off_inbound.source
    and    h.pattern = event_type_pattern
    and    h.handler in (off_inbound.handler, off_inbound.handler || '(walhook.inbound_event)');
    return found;
end
$$;
comment on function walhook.off_inbound(text, text, text) is 'Takes the handler of a source''s events of a type pattern away again: all three as in walhook.inbound_handler, its name with or without the argument. False if there was no such handler.';
revoke all on function walhook.off_inbound(text, text, text) from public;
