create or replace function walhook.log_operation(action text, target text, details jsonb default '{}', application text default null)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into walhook.operation (actor, action, target, details, application)
    select walhook.caller(), action, target, details,
           coalesce(log_operation.application, (
               select e.application
               from   walhook.endpoint as e
               where  e.name = target
               and    e.removed_at is null
               -- Their targets are no endpoints, but may be called like one.
               and    action !~ '^(watch|unwatch)$| (model|event_type)$'))
$$;
comment on function walhook.log_operation(text, text, jsonb, text) is 'Writes down who did what to which target, for operation_log, with details that hold no secret. The application is looked up where the target is an endpoint.';
revoke all on function walhook.log_operation(text, text, jsonb, text) from public;
