create or replace function walhook.check_application(given walhook.application, former_name text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given.name is null or given.name !~ '^[A-Za-z0-9_.-]{1,63}$' then
        perform walhook.refuse_value('name', 'not a name for an application', 'name = ''acme''', quote_literal(given.name), '1 to 63 of A-Z, a-z, 0-9, _, . and -');
    elsif given.name is distinct from former_name and exists (select from walhook.application as a where a.name = given.name) then
        perform walhook.refuse('name', format('there is an application %s already', given.name), 'Give it a name of its own, or update that one.');
    end if;
    if given.admin_role is not null and not exists (select from pg_roles as r where r.rolname = given.admin_role) then
        perform walhook.refuse('admin_role', format('there is no role %s', quote_ident(given.admin_role)), format('Make it first: create role %I nologin.', given.admin_role));
    elsif not walhook.can_be_tenant(given.admin_role) then
        perform walhook.refuse('admin_role', format('%s has rights of its own in this schema', quote_ident(given.admin_role)),
            'Name a role that is not the schema''s owner, a superuser, walhook_admin or walhook_viewer.');
    end if;
    if exists (select from walhook.application as a where a.key = given.key and a.name <> given.name) then
        perform walhook.refuse('key', 'another application has it', 'Give each tenant a key of its own.');
    end if;
    if given.models is null then
        perform walhook.refuse('models', 'must not be null', 'models = ''{store.*}'', or ''{}'' for nothing');
    end if;
    perform walhook.check_globs('models', given.models, 'store.*');
end
$$;
comment on function walhook.check_application(walhook.application, text) is 'Refuses an application that cannot be meant; its former name is null for a new one.';
revoke all on function walhook.check_application(walhook.application, text) from public;
