create or replace function walhook.check_application(given walhook.application)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given.name !~ '^[A-Za-z0-9_.-]{1,63}$' then
        perform walhook.refuse('name', 'not a name for an application', 'Use 1 to 63 of A-Z, a-z, 0-9, _, . and -, as in acme.');
    end if;
    if given.admin_role is not null and not exists (select from pg_roles as r where r.rolname = given.admin_role) then
        perform walhook.refuse('admin_role', format('there is no role %s', quote_ident(given.admin_role)), 'Make it first: create role … nologin.');
    end if;
end
$$;
comment on function walhook.check_application(walhook.application) is 'Refuses an application that cannot be meant.';
revoke all on function walhook.check_application(walhook.application) from public;
