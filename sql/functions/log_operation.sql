create or replace function walhook.log_operation(action text, target text, details jsonb default '{}')
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into walhook.operation (actor, action, target, details)
    values (walhook.caller(), action, target, details)
$$;
comment on function walhook.log_operation(text, text, jsonb) is 'Writes down who did what; see operation_log.';
revoke all on function walhook.log_operation(text, text, jsonb) from public;
