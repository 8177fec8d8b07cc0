create or replace function walhook.keep_tenant()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    former name;
    latter name;
begin
    -- Of config.toml's applications too.
    if tg_op <> 'INSERT' then
        former := old.admin_role;
    end if;
    if tg_op <> 'DELETE' then
        latter := new.admin_role;
    end if;
    if former is not distinct from latter then
        return null;
    end if;
    if walhook.can_be_tenant(former)
    and not exists (select from walhook.application as a where a.admin_role = former) then
        perform walhook.grant_tenant(former, false);
    end if;
    if walhook.can_be_tenant(latter) then
        perform walhook.grant_tenant(latter, true);
    end if;
    return null;
end
$$;
comment on function walhook.keep_tenant() is 'Gives an application''s new admin_role what it needs, and takes it from the former one, unless that has another application.';
revoke all on function walhook.keep_tenant() from public;

create or replace trigger application_granted
    after insert or update of admin_role or delete on walhook.application
    for each row execute function walhook.keep_tenant();
