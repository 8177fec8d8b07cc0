create or replace function walhook.keep_application()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    problem text;
    allowed text;
    fix     text;
begin
    if walhook.is_daemon_writing() then
        return case tg_op when 'DELETE' then old else new end;
    end if;
    -- The file has no key for whom its alerts name.
    if tg_op <> 'INSERT' and old.managed_by = 'config'
       and (tg_op = 'DELETE' or to_jsonb(new) - '{owner,updated_at}'::text[] <> to_jsonb(old) - '{owner,updated_at}'::text[]) then
        raise exception 'application %: it lives in config.toml', old.name
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Change it there and reload the daemon (SIGHUP); its owner alone is set here.';
    end if;
    if tg_op = 'DELETE' then
        if old.name = 'default' or exists (
            select
            from   walhook.endpoint as e
            where  e.application = old.name
            and    e.removed_at is null
        ) then
            perform walhook.refuse('name', format('application %s is in use', old.name), 'Delete its endpoints first; default always exists.');
        end if;
        return old;
    end if;
    if tg_op = 'INSERT' then
        new.managed_by := 'sql';
        new.created_by := walhook.caller();
        new.created_at := now();
    elsif new.name <> old.name then
        perform walhook.refuse('name', 'an application keeps its name', 'Insert another one and move the endpoints.');
    end if;
    begin
        perform walhook.check_application(new, case tg_op when 'UPDATE' then old.name end);
    exception
        when invalid_parameter_value then
            get stacked diagnostics problem = message_text, allowed = pg_exception_detail, fix = pg_exception_hint;
            perform walhook.refuse_again(problem, allowed, fix);
    end;
    new.updated_at := now();
    return new;
end
$$;
comment on function walhook.keep_application() is 'Checks what is written into walhook.application.';
revoke all on function walhook.keep_application() from public;

create or replace trigger application_kept
    before insert or update or delete on walhook.application
    for each row execute function walhook.keep_application();
