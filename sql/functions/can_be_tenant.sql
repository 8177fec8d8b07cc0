create or replace function walhook.can_be_tenant(role_name name)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Theirs are other rights, which would go when the application lets go of the role.
    select not pg_has_role(r.oid, c.relowner, 'usage')
    and    r.rolname not in ('walhook_admin', 'walhook_viewer')
    from   pg_roles as r,
           pg_class as c
    where  r.rolname = role_name
    and    c.oid = 'walhook.endpoint'::regclass
$$;
comment on function walhook.can_be_tenant(name) is 'Whether an existing role can be an admin_role: not the schema''s owner, a superuser, walhook_admin or walhook_viewer. Null for no role.';
revoke all on function walhook.can_be_tenant(name) from public;
