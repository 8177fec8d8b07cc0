-- mirror_event_types: event types of config.toml, as rows of a JSON array $1.
with daemon as materialized (
    select set_config('walhook.daemon_writes', 'on', true) as writes
), given as materialized (
    select r.*
    from   daemon
    cross  join jsonb_populate_recordset(null::walhook.event_type, $1) as r
    where  daemon.writes = 'on'
), gone as (
    delete from walhook.event_type as t
    where  t.managed_by = 'config'
    and    t.name not in (select g.name from given as g)
    and    exists (select from daemon where writes = 'on')
)
insert into walhook.event_type as t (name, model, on_events, condition, managed_by, active_from)
select g.name, g.model, g.on_events, g.condition, 'config', '0/0'
from   given as g
on conflict on constraint event_type_pkey do update
set    model = excluded.model,
       on_events = excluded.on_events,
       condition = excluded.condition,
       updated_at = now()
where  t.managed_by = 'config'
