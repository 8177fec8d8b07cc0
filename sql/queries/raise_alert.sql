-- raise_alert: one row for an operator, and a notification.
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
    returning id
)
select pg_notify('walhook_alert', id::text)
from   raised
