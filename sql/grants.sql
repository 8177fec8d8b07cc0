-- Everybody may look up names, for set_user and emit; tables and the other functions stay shut.
grant usage on schema walhook to public;

-- Partitions are read through their table: its policies are not theirs.
do $$
declare
    relation record;
begin
    for relation in
        select c.oid::regclass as name,
               case when c.relispartition or c.relname = 'endpoint_secret'
                    then 'revoke all on %s from walhook_viewer, walhook_admin'
                    else 'grant select on %s to walhook_viewer, walhook_admin'
               end as template
        from   pg_class as c
        where  c.relnamespace = 'walhook'::regnamespace
        and    c.relkind in ('r', 'p', 'v')
    loop
        execute format(relation.template, relation.name);
    end loop;
end
$$;

-- The log and the queue are written by their owner alone.
grant update (acknowledged_at) on walhook.alert to walhook_admin;
grant update (state, disabled_reason, consecutive_failures, failing_since, updated_at) on walhook.endpoint to walhook_admin;

-- Handlers run as the daemon's role, so that registering one is for admins.
grant execute on function walhook.on_inbound(text, text, regprocedure) to walhook_admin;
grant execute on function walhook.off_inbound(text, text, text) to walhook_admin;
grant execute on function walhook.retry_inbound(bigint) to walhook_admin;

-- Columns that the daemon keeps, as fault and active_from, are not among them.
grant insert (name, admin_role, key, models, owner),
      update (name, admin_role, key, models, owner),
      delete on walhook.application to walhook_admin;
grant insert (label, relation, events, enabled, event_prefix, user_columns, old_values, condition, application),
      update (label, relation, events, enabled, event_prefix, user_columns, old_values, condition, application),
      delete on walhook.model to walhook_admin;
grant insert (name, model, on_events, condition),
      update (name, model, on_events, condition),
      delete on walhook.event_type to walhook_admin;
grant execute on function walhook.watch(regclass, text) to walhook_admin;
grant execute on function walhook.unwatch(regclass) to walhook_admin;

do $$
declare
    explaining record;
begin
    for explaining in
        select p.oid::regprocedure as signature
        from   pg_proc as p
        where  p.pronamespace = 'walhook'::regnamespace
        and    p.proname = any (walhook.explaining())
    loop
        execute format('grant execute on function %s to walhook_viewer', explaining.signature);
    end loop;
end
$$;

-- Admins may do with every application what its admin_role may.
select walhook.grant_tenant('walhook_admin', true);
select walhook.grant_tenants();
