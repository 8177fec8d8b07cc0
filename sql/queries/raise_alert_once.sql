-- raise_alert_once: one row for an operator, and a notification, unless nobody has acknowledged
-- the same yet: a supervisor that starts the daemon again and again must not fill the table.
with raised as (
    insert into walhook.alert (severity, kind, application, endpoint_name, count, message, details)
    select $1, $2, $3, $4, $5, $6, $7
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
