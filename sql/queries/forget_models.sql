-- forget_models: models of config.toml that are not in the JSON array $1 any more.
with daemon as materialized (
    select set_config('walhook.daemon_writes', 'on', true) as writes
)
delete from walhook.model as m
using  daemon
where  daemon.writes = 'on'
and    m.managed_by = 'config'
and    not exists (
           select
           from   jsonb_populate_recordset(null::walhook.model, $1) as g
           where  g.label = m.label
           and    g.relation = m.relation)
