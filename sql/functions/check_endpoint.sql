create or replace function walhook.check_endpoint(given walhook.endpoint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    rest interval;
begin
    if given.name is null or given.name !~ '^[A-Za-z0-9_.-]{1,63}$' then
        perform walhook.refuse_value('name', 'not a name for an endpoint', 'name = ''crm''', quote_literal(given.name), '1 to 63 of A-Z, a-z, 0-9, _, . and -');
    end if;
    -- The one thing that an application learns of another: that a name is taken.
    if exists (
        select
        from   walhook.endpoint as e
        where  e.name = given.name
        and    e.id <> given.id
        and    e.removed_at is null
    ) then
        perform walhook.refuse('name', format('another endpoint is called %s', given.name), 'Give it a name of its own.');
    end if;
    if given.enabled is null then
        perform walhook.refuse('enabled', 'must not be null', 'enabled = true or false');
    end if;
    perform walhook.check_url('url', given.url, true);
    perform walhook.check_word('method', given.method, '{POST,PUT,PATCH}');
    perform walhook.check_word('ordering', given.ordering, '{key,endpoint,none}');
    perform walhook.check_events(given.events);
    perform walhook.check_globs('include_models', given.include_models, 'store.*');
    perform walhook.check_globs('exclude_models', given.exclude_models, 'store.*');
    perform walhook.check_label(field, label, given.application)
    from   (
               select 'include_models' as field, unnest(given.include_models) as label
               union all
               select 'exclude_models', unnest(given.exclude_models)
           ) as l
    where  label ~ '[.]' and label !~ '[*]';
    perform walhook.check_fields('include_fields', given.include_fields, given.application);
    perform walhook.check_fields('exclude_fields', given.exclude_fields, given.application);
    perform walhook.check_masks(given.redact_fields, given.application);
    perform walhook.check_origins(given.exclude_origins);
    perform walhook.check_headers(given.headers);
    perform walhook.check_auth(given.auth);
    perform walhook.check_tls(given.tls);
    perform walhook.check_retry(given.retry);
    perform walhook.check_interval('timeout', given.timeout, '1 millisecond', '1 hour');
    perform walhook.check_interval('disable_min_duration', given.disable_min_duration, '0', '365 days');
    perform walhook.check_range('max_in_flight', given.max_in_flight, 1, 512);
    perform walhook.check_range('rate_limit_per_second', given.rate_limit_per_second, 0, 1000000);
    perform walhook.check_range('disable_after', given.disable_after, 0, 1000000);
    perform walhook.check_list('alert_after', given.alert_after, 20);
    perform walhook.check_range('alert_after', count, 1, 1000000) from unnest(given.alert_after) as count;
    perform walhook.check_list('failure_rest', given.failure_rest, 20);
    if given.failure_rest = '{}' then
        perform walhook.refuse('failure_rest', 'without a rest a dead receiver is called without pause', 'failure_rest = ''{1s,10s,1min}''');
    end if;
    foreach rest in array coalesce(given.failure_rest, '{}') loop
        perform walhook.check_interval('failure_rest', rest, '1 millisecond', '24 hours');
    end loop;
    perform walhook.check_signing(given);
    perform walhook.check_endpoint_conditions(given);
end
$$;
comment on function walhook.check_endpoint(walhook.endpoint) is 'Refuses an endpoint whose settings cannot be meant, in the words that config.toml''s faults have.';
revoke all on function walhook.check_endpoint(walhook.endpoint) from public;
