create or replace function walhook.grant_tenants()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant name;
begin
    for tenant in
        select distinct r.rolname
        from   walhook.application as a
        join   pg_roles            as r on r.rolname = a.admin_role
        where  walhook.can_be_tenant(r.rolname)
    loop
        perform walhook.grant_tenant(tenant, true);
    end loop;
end
$$;
comment on function walhook.grant_tenants() is 'Gives every application''s admin_role what it needs; init does so after it has made functions and views.';
revoke all on function walhook.grant_tenants() from public;
