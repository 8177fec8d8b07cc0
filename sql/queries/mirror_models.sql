-- mirror_models: models of config.toml, as rows of a JSON array $1. Where SQL has one of the
-- same table, that row stays and is faulty.
with daemon as materialized (
    select set_config('walhook.daemon_writes', 'on', true) as writes
), given as materialized (
    select r.*
    from   daemon
    cross  join jsonb_populate_recordset(null::walhook.model, $1) as r
    where  daemon.writes = 'on'
)
insert into walhook.model as m
       (label, relation, events, enabled, event_prefix, user_columns, old_values, condition, application,
        managed_by, active_from)
select g.label, g.relation, g.events, g.enabled, g.event_prefix, g.user_columns, g.old_values, g.condition,
       g.application, 'config', '0/0'
from   given as g
where  not exists (
           select
           from   walhook.model as other
           where  other.relation = g.relation
           and    other.label <> g.label)
on conflict on constraint model_pkey do update
set    events = excluded.events,
       enabled = excluded.enabled,
       event_prefix = excluded.event_prefix,
       user_columns = excluded.user_columns,
       old_values = excluded.old_values,
       condition = excluded.condition,
       application = excluded.application,
       updated_at = now()
where  m.managed_by = 'config'
