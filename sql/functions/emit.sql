create or replace function walhook.emit(type text, object jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if type is null or type !~ '^[a-z0-9_]+([.][a-z0-9_]+)+$' then
        raise exception 'event type % is not valid', coalesce(quote_literal(type), 'null')
            using errcode = 'invalid_parameter_value',
                  hint = 'Use lower-case words joined by dots, as in mfa.failed.';
    end if;
    -- The WAL keeps the bytes as they are, and the daemon reads UTF-8.
    perform pg_logical_emit_message(true, 'walhook.event', convert_to(
        format('{"type":%s,"object":%s}', to_json(type), coalesce(object::text, 'null')), 'UTF8'));
end
$$;
comment on function walhook.emit(text, jsonb) is 'Sends a custom event when this transaction commits; no table needed.';
revoke all on function walhook.emit(text, jsonb) from public;
grant execute on function walhook.emit(text, jsonb) to public;
