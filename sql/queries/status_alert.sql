-- status_alert: the newest alert that nobody has acknowledged, and how many there are.
select count(*) over ()                                                 as open,
       a.kind,
       a.severity,
       a.message,
       to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')   as at
from   walhook.alert as a
where  a.acknowledged_at is null
order  by a.id desc
limit  1
