-- raise_alert_once: one row for an operator, and a notification, unless nobody has acknowledged
-- the same yet: a supervisor that starts the daemon again and again must not fill the table.
with raised as (
    insert into walhook.alert (severity, kind, application, endpoint_name, count, message, details, recipients)
    select $1, $2, $3, $4, $5, $6, $7, array(
               select distinct name
               from   (
                          select e.created_by::text as name
                          from   walhook.endpoint as e
                          where  e.name = $4 and e.removed_at is null
                          -- Those of config.toml are made by the daemon.
                          and    e.managed_by = 'sql'
                          union all
                          select a.owner
                          from   walhook.application as a
                          where  a.name = $3
                      ) as known
               where  name is not null
               order  by name)
    where  not exists (
               select
               from   walhook.alert as open
               where  open.kind = $2
               and    open.message = $6
               and    open.acknowledged_at is null
           )
    returning id
)
select pg_notify('walhook_alert', id::text)
from   raised
