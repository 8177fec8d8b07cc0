create or replace function walhook.ask_preview(endpoint text, captured jsonb)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    asked    uuid := gen_random_uuid();
    question bytea;
begin
    question := convert_to((captured || jsonb_build_object(
        'asked',    asked,
        'endpoint', (walhook.managed_endpoint(ask_preview.endpoint)).id))::text, 'UTF8');
    if octet_length(question) > 4194304 then
        perform walhook.refuse('key', 'the row is larger than 4 MB as text', 'Preview a smaller one; larger ones are sent all the same.');
    end if;
    -- Not part of the transaction, or the daemon would only see it when that has ended.
    perform pg_logical_emit_message(false, 'walhook.preview', question);
    perform nextval('walhook.preview_bell');
    return asked;
end
$$;
comment on function walhook.ask_preview(text, jsonb) is 'Asks the daemon what the endpoint would be sent of a row as captured; take_preview has the answer.';
revoke all on function walhook.ask_preview(text, jsonb) from public;
