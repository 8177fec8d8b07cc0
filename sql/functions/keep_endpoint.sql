create or replace function walhook.keep_endpoint()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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
    perform walhook.check_endpoint(new);
    new := walhook.hide_secrets(new, case tg_op when 'UPDATE' then old.url end);
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
