-- configuration: what is configured in SQL, with its secrets, as the keys of config.toml.
-- What the daemon has not met in the WAL yet has no active_from.
select 'application' as kind,
       a.name        as key,
       null::uuid    as id,
       '0/0'::pg_lsn as active_from,
       jsonb_strip_nulls(jsonb_build_object(
           'key',    a.key,
           'models', a.models)) as settings
from   walhook.application as a
where  a.managed_by = 'sql'
union all
select 'model', m.label, null, m.active_from,
       jsonb_strip_nulls(jsonb_build_object(
           'table',        format('%I.%I', n.nspname, c.relname),
           'events',       m.events,
           'enabled',      m.enabled,
           'event_prefix', m.event_prefix,
           'user',         m.user_columns,
           'old_values',   m.old_values,
           'condition',    m.condition,
           'application',  m.application))
from   walhook.model     as m
left   join pg_class     as c on c.oid = m.relation
left   join pg_namespace as n on n.oid = c.relnamespace
where  m.managed_by = 'sql'
union all
select 'event_type', t.name, null, t.active_from,
       jsonb_strip_nulls(jsonb_build_object(
           'name',      t.name,
           'model',     t.model,
           'on',        t.on_events,
           'condition', t.condition))
from   walhook.event_type as t
where  t.managed_by = 'sql'
union all
select 'endpoint', e.name, e.id, e.active_from,
       jsonb_strip_nulls(jsonb_build_object(
           'name',                  e.name,
           'application',           e.application,
           'url',                   case
                                        when user_info.value is null then e.url
                                        else overlay(e.url placing '://' || user_info.value || '@' from strpos(e.url, '://') for 3)
                                    end,
           'method',                e.method,
           'secrets',               signing.secrets,
           'signature',             e.signature,
           'enabled',               e.enabled,
           'events',                e.events,
           'include_models',        e.include_models,
           'exclude_models',        e.exclude_models,
           'include_fields',        e.include_fields,
           'exclude_fields',        e.exclude_fields,
           'redact_fields',         e.redact_fields,
           'exclude_origins',       e.exclude_origins,
           'condition',             e.condition,
           'transform',             e.transform,
           'headers',               (
               select jsonb_object_agg(h.key, coalesce(s.value, h.value))
               from   jsonb_each_text(e.headers) as h
               left   join walhook.endpoint_secret as s
                      on  s.endpoint_id = e.id
                      and s.purpose = 'header'
                      and s.name = lower(h.key)
           ),
           'auth',                  (
               select jsonb_object_agg(m.key, coalesce(s.value, m.value))
               from   jsonb_each_text(e.auth) as m
               left   join walhook.endpoint_secret as s
                      on  s.endpoint_id = e.id
                      and s.purpose = 'auth'
                      and s.name = m.key
           ),
           'tls',                   e.tls,
           'timeout',               walhook.duration_text(e.timeout),
           'retry',                 e.retry,
           'ordering',              e.ordering,
           'max_in_flight',         e.max_in_flight,
           'rate_limit_per_second', e.rate_limit_per_second,
           'failure_rest',          (
               select jsonb_agg(walhook.duration_text(rest) order by place)
               from   unnest(e.failure_rest) with ordinality as r (rest, place)
           ),
           'alert_after',           e.alert_after,
           'disable_after',         e.disable_after,
           'disable_min_duration',  walhook.duration_text(e.disable_min_duration)))
from   walhook.endpoint as e
left   join walhook.endpoint_secret as user_info
       on  user_info.endpoint_id = e.id
       and user_info.purpose = 'auth'
       and user_info.name = 'user_info'
cross  join lateral (
           -- Without any, the endpoint is unsigned, whatever [delivery] says.
           select coalesce(jsonb_agg(s.value order by s.id desc), '[]') as secrets
           from   walhook.endpoint_secret as s
           where  s.endpoint_id = e.id
           and    s.purpose = 'signing'
           and    (s.expires_at is null or s.expires_at > now())
       ) as signing
where  e.managed_by = 'sql'
and    e.removed_at is null
order  by kind, key
