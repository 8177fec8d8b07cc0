create or replace function walhook.configuration_changed()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    changed jsonb := to_jsonb(case tg_op when 'DELETE' then old else new end);
    key     text  := changed ->> tg_argv[0];
begin
    if walhook.is_daemon_writing() or changed ->> 'removed_at' is not null then
        return null;
    end if;
    -- In the WAL, so that the change counts from this commit on, whoever is how far behind.
    perform pg_logical_emit_message(true, 'walhook.config', convert_to(
        jsonb_build_object('table', tg_table_name, 'key', key)::text, 'UTF8'));
    perform pg_notify('walhook', '');
    perform walhook.log_operation(
        lower(tg_op) || ' ' || tg_table_name,
        coalesce(changed ->> 'name', key),
        -- Names alone: values may be anybody's business.
        case tg_op
            when 'UPDATE' then (
                select jsonb_strip_nulls(jsonb_build_object('changed', jsonb_agg(n.key order by n.key)))
                from   jsonb_each(to_jsonb(new)) as n
                where  n.value is distinct from to_jsonb(old) -> n.key
                and    n.key not in ('signed', 'updated_at'))
            else '{}'
        end,
        application => case tg_table_name
                           when 'endpoint'    then changed ->> 'application'
                           when 'application' then key
                       end);
    return null;
end
$$;
comment on function walhook.configuration_changed() is 'Tells the daemon that a row of the configuration changed, in the WAL and by NOTIFY walhook.';
revoke all on function walhook.configuration_changed() from public;

create or replace trigger endpoint_changed
    after insert or delete or update of
        name, application, url, method, signature, signed, enabled, events, include_models, exclude_models,
        include_fields, exclude_fields, redact_fields, exclude_origins, condition, transform, headers, auth, tls,
        timeout, retry, ordering, max_in_flight, rate_limit_per_second, failure_rest, alert_after, disable_after,
        disable_min_duration
    on walhook.endpoint
    for each row execute function walhook.configuration_changed('id');
create or replace trigger application_changed
    after insert or delete or update on walhook.application
    for each row execute function walhook.configuration_changed('name');
create or replace trigger model_changed
    after insert or delete or update of
        label, relation, events, enabled, event_prefix, user_columns, old_values, condition, application
    on walhook.model
    for each row execute function walhook.configuration_changed('label');
create or replace trigger event_type_changed
    after insert or delete or update of name, model, on_events, condition
    on walhook.event_type
    for each row execute function walhook.configuration_changed('name');
