create or replace function walhook.keep_model()
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
        raise exception 'model %: it lives in config.toml', old.label
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Change it there and reload the daemon (SIGHUP).';
    end if;
    if tg_op <> 'INSERT' and exists (
        select
        from   walhook.event_type as t
        where  t.model = old.label
        and    (tg_op = 'DELETE' or new.label <> old.label)
    ) then
        perform walhook.refuse('label', format('event types stand on the model %s', quote_literal(old.label)),
            format('Delete them first: select name from walhook.event_type where model = %L.', old.label));
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
        perform walhook.check_model(new, case tg_op when 'UPDATE' then old.label end);
    exception
        when invalid_parameter_value then
            get stacked diagnostics problem = message_text, allowed = pg_exception_detail, fix = pg_exception_hint;
            perform walhook.refuse_again(problem, allowed, fix);
    end;
    new.updated_at := now();
    return new;
end
$$;
comment on function walhook.keep_model() is 'Checks what is written into walhook.model.';
revoke all on function walhook.keep_model() from public;

create or replace trigger model_kept
    before insert or delete or update of
        label, relation, events, enabled, event_prefix, user_columns, old_values, condition, application, managed_by
    on walhook.model
    for each row execute function walhook.keep_model();
