create or replace function walhook.may_manage(of_application text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pg_has_role(walhook.caller(), c.relowner, 'member')
        or pg_has_role(walhook.caller(), 'walhook_admin', 'member')
        or exists (
               select
               from   walhook.application as a
               join   pg_roles            as r on r.rolname = a.admin_role
               where  a.name = of_application
               and    pg_has_role(walhook.caller(), r.oid, 'member')
           )
    from   pg_class as c
    where  c.oid = 'walhook.endpoint'::regclass
$$;
comment on function walhook.may_manage(text) is 'Whether the caller manages the application: walhook_admin does, and members of its admin_role do.';
revoke all on function walhook.may_manage(text) from public;
