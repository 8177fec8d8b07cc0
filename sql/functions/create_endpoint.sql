create or replace function walhook.create_endpoint(
    name                  text,
    url                   text,
    application           text       default 'default',
    events                text[]     default '{*}',
    method                text       default null,
    signature             text[]     default null,
    enabled               boolean    default true,
    include_models        text[]     default null,
    exclude_models        text[]     default null,
    include_fields        jsonb      default null,
    exclude_fields        jsonb      default null,
    redact_fields         jsonb      default null,
    exclude_origins       text[]     default null,
    condition             text       default null,
    transform             text       default null,
    headers               jsonb      default null,
    auth                  jsonb      default null,
    tls                   jsonb      default null,
    timeout               interval   default null,
    retry                 jsonb      default null,
    ordering              text       default null,
    max_in_flight         integer    default null,
    rate_limit_per_second integer    default null,
    failure_rest          interval[] default null,
    alert_after           integer[]  default null,
    disable_after         integer    default null,
    disable_min_duration  interval   default null,
    out endpoint_name text,
    out secret        text
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
    insert into walhook.endpoint
           (name, url, application, events, method, signature, enabled, include_models, exclude_models,
            include_fields, exclude_fields, redact_fields, exclude_origins, condition, transform, headers, auth, tls,
            timeout, retry, ordering, max_in_flight, rate_limit_per_second, failure_rest, alert_after, disable_after,
            disable_min_duration)
    values (name, url, application, events, method, signature, enabled, include_models, exclude_models,
            include_fields, exclude_fields, redact_fields, exclude_origins, condition, transform, headers, auth, tls,
            timeout, retry, ordering, max_in_flight, rate_limit_per_second, failure_rest, alert_after, disable_after,
            disable_min_duration);
    endpoint_name := name;
    if signature is distinct from '{}' then
        secret := walhook.rotate_secret(name);
    end if;
end
$$;
comment on function walhook.create_endpoint(text, text, text, text[], text, text[], boolean, text[], text[], jsonb, jsonb, jsonb, text[], text, text, jsonb, jsonb, jsonb, interval, jsonb, text, integer, integer, interval[], integer[], integer, interval) is
    'Makes an endpoint with a signing secret, which is shown this once; without one if signature is empty. One parameter for each column of walhook.endpoint; null leaves a setting to [delivery] in config.toml.';
revoke all on function walhook.create_endpoint(text, text, text, text[], text, text[], boolean, text[], text[], jsonb, jsonb, jsonb, text[], text, text, jsonb, jsonb, jsonb, interval, jsonb, text, integer, integer, interval[], integer[], integer, interval) from public;
