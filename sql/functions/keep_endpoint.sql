create or replace function walhook.keep_endpoint()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    former  walhook.endpoint;
    problem text;
    allowed text;
    fix     text;
begin
    if walhook.is_daemon_writing() then
        return case tg_op when 'DELETE' then old else new end;
    end if;
    if tg_op <> 'INSERT' and old.managed_by = 'config' then
        raise exception 'endpoint %: its settings live in config.toml', old.name
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Change them there and reload the daemon (SIGHUP). pause, resume, redeliver, recover and send_test work here.';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    if tg_op = 'UPDATE' then
        former := old;
    end if;
    -- What a deleted endpoint leaves behind, for the log.
    if new.removed_at is not null then
        return new;
    end if;
    if tg_op = 'INSERT' then
        new.managed_by := 'sql';
        new.created_by := walhook.caller();
        new.created_at := now();
        new.signed := false;
        new.fault := null;
        new.active_from := null;
    elsif new.id <> old.id then
        perform walhook.refuse('id', 'an endpoint keeps its id', 'Insert another endpoint.');
    end if;
    begin
        -- Somebody else's application is as unknown as one that does not exist.
        if not exists (select from walhook.application as a where a.name = new.application)
        or not walhook.may_manage(new.application) then
            perform walhook.refuse('application', format('there is no application %s', coalesce(quote_literal(new.application), 'null')),
                case when walhook.is_admin() then 'select name from walhook.application shows them; leave it out for default.'
                     else 'select name from walhook.application shows yours.' end);
        end if;
        -- They are files on the daemon's machine.
        if new.tls is distinct from former.tls and not walhook.is_admin() then
            perform walhook.refuse('tls', 'files are for walhook_admin to name', 'Leave it out, or have an admin set it.');
        end if;
        -- They run in the daemon, and fuel does not bound all the memory that they can take.
        if new.transform is distinct from former.transform and not walhook.is_admin() then
            perform walhook.refuse('transform', 'templates are for walhook_admin to write', 'Leave it out, or have an admin set it.');
        end if;
        perform walhook.check_endpoint(new);
        new := walhook.hide_secrets(new, former);
    exception
        when invalid_parameter_value then
            get stacked diagnostics problem = message_text, allowed = pg_exception_detail, fix = pg_exception_hint;
            perform walhook.refuse_again(problem, allowed, fix);
    end;
    new.updated_at := now();
    return new;
end
$$;
comment on function walhook.keep_endpoint() is 'Checks what is written into walhook.endpoint and takes the secrets out.';
revoke all on function walhook.keep_endpoint() from public;

create or replace trigger endpoint_kept
    before insert or delete or update of
        id, name, application, url, method, signature, enabled, events, include_models, exclude_models,
        include_fields, exclude_fields, redact_fields, exclude_origins, condition, transform, headers, auth, tls,
        timeout, retry, ordering, max_in_flight, rate_limit_per_second, failure_rest, alert_after, disable_after,
        disable_min_duration, managed_by
    on walhook.endpoint
    for each row execute function walhook.keep_endpoint();
