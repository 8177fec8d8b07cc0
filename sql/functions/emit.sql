create or replace function walhook.emit(type text, object jsonb)
returns void
language plpgsql
volatile
-- The public does not read models and event types.
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if type is null or type !~ '^[a-z0-9_]+([.][a-z0-9_]+)+$' then
        raise exception 'event type % is not valid', coalesce(quote_literal(type), 'null')
            using errcode = 'invalid_parameter_value',
                  hint = 'Use lower-case words joined by dots, as in mfa.failed.';
    end if;
    if exists (select from walhook.event_type as t where t.name = type) or walhook.model_of_type(type) is not null then
        raise exception 'event type % belongs to a table', type
            using errcode = 'invalid_parameter_value',
                  hint = 'It is sent when the table changes; give an event of your own a name of its own.';
    end if;
    -- The WAL keeps the bytes as they are, and the daemon reads UTF-8.
    perform pg_logical_emit_message(true, 'walhook.event', convert_to(
        format('{"type":%s,"object":%s}', to_json(type), coalesce(object::text, 'null')), 'UTF8'));
end
$$;
comment on function walhook.emit(text, jsonb) is 'Sends a custom event of this type, as in mfa.failed, with this object when the transaction commits; no table needed.';
revoke all on function walhook.emit(text, jsonb) from public;
grant execute on function walhook.emit(text, jsonb) to public;
