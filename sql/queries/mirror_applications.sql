-- mirror_applications: tenants of config.toml, as rows of a JSON array $1.
with daemon as materialized (
    select set_config('walhook.daemon_writes', 'on', true) as writes
), given as materialized (
    select r.*
    from   daemon
    cross  join jsonb_populate_recordset(null::walhook.application, $1) as r
    where  daemon.writes = 'on'
), gone as (
    delete from walhook.application as a
    where  a.managed_by = 'config'
    and    a.name <> 'default'
    and    a.name not in (select g.name from given as g)
    and    exists (select from daemon where writes = 'on')
)
insert into walhook.application as a (name, admin_role, key, models, managed_by)
select g.name, g.admin_role, g.key, g.models, 'config'
from   given as g
on conflict on constraint application_pkey do update
set    admin_role = excluded.admin_role,
       key = excluded.key,
       models = excluded.models,
       managed_by = 'config',
       updated_at = now()
where  (a.admin_role, a.key, a.models, a.managed_by)
       is distinct from (excluded.admin_role, excluded.key, excluded.models, 'config')
