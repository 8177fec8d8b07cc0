create or replace function walhook.grant_tenant(to_role name, is_granted boolean)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    readable  constant text[] := array[
        'application', 'endpoint', 'model', 'event_type', 'attempt', 'failed_attempt', 'pending', 'body', 'alert',
        'operation', 'webhook_log', 'webhook_attempt', 'endpoint_health', 'queue_health', 'event_catalog',
        'operation_log'];
    callable  constant text[] := array[
        'create_endpoint', 'rotate_secret', 'set_secret', 'pause', 'resume', 'send_test', 'redeliver', 'recover',
        'cancel', 'preview'] || walhook.explaining();
    template  constant text   := case when is_granted then 'grant %s on %s to %I' else 'revoke %s on %s from %I' end;
    settings           text   := walhook.endpoint_settings();
    privilege          record;
begin
    for privilege in
        select 'select' as name, c.oid::regclass::text as object
        from   pg_class as c
        where  c.relnamespace = 'walhook'::regnamespace
        and    c.relname = any (readable)
        union all
        select 'execute', 'function ' || p.oid::regprocedure
        from   pg_proc as p
        where  p.pronamespace = 'walhook'::regnamespace
        and    p.proname = any (callable)
        union all
        values (format('insert (%s), update (%1$s), delete', settings), 'walhook.endpoint'),
               ('update (acknowledged_at)', 'walhook.alert')
    loop
        execute format(template, privilege.name, privilege.object, to_role);
    end loop;
end
$$;
comment on function walhook.grant_tenant(name, boolean) is 'Gives a role what an application''s admin_role needs in this schema, or (false) takes it away.';
revoke all on function walhook.grant_tenant(name, boolean) from public;
