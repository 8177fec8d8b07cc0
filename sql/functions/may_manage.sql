create or replace function walhook.may_manage(of_application text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select walhook.is_admin()
        or exists (
               select
               from   walhook.application as a
               where  a.name = of_application
               and    pg_has_role(walhook.caller(), to_regrole(quote_ident(a.admin_role))::oid, 'usage')
           )
$$;
comment on function walhook.may_manage(text) is 'Whether the caller manages the application of this name: walhook_admin does, and members of its admin_role do.';
revoke all on function walhook.may_manage(text) from public;
