create or replace function walhook.is_admin()
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pg_has_role(walhook.caller(), c.relowner, 'usage')
        or coalesce(pg_has_role(walhook.caller(), to_regrole('walhook_admin')::oid, 'usage'), false)
    from   pg_class as c
    where  c.oid = 'walhook.endpoint'::regclass
$$;
comment on function walhook.is_admin() is 'Whether the caller manages everything: the schema''s owner does, and walhook_admin.';
revoke all on function walhook.is_admin() from public;
