create or replace function walhook.keep_event_type()
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
    if tg_op <> 'INSERT' and old.managed_by = 'config' then
        raise exception 'event type %: it lives in config.toml', old.name
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Change it there and reload the daemon (SIGHUP).';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    if tg_op = 'INSERT' then
        new.managed_by := 'sql';
        new.created_by := walhook.caller();
        new.created_at := now();
        new.fault := null;
        new.active_from := null;
    end if;
    begin
        perform walhook.check_event_type(new, case tg_op when 'UPDATE' then old.name end);
    exception
        when invalid_parameter_value then
            get stacked diagnostics problem = message_text, allowed = pg_exception_detail, fix = pg_exception_hint;
            perform walhook.refuse_again(problem, allowed, fix);
    end;
    new.updated_at := now();
    return new;
end
$$;
comment on function walhook.keep_event_type() is 'Checks what is written into walhook.event_type.';
revoke all on function walhook.keep_event_type() from public;

create or replace trigger event_type_kept
    before insert or delete or update of name, model, on_events, condition, managed_by
    on walhook.event_type
    for each row execute function walhook.keep_event_type();
