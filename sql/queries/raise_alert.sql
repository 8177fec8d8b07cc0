-- raise_alert: one row for an operator, and a notification.
with raised as (
    insert into walhook.alert (severity, kind, application, endpoint_name, count, message, details)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning id
)
select pg_notify('walhook_alert', id::text)
from   raised
