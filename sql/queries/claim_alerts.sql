-- claim_alerts: alerts to be posted now, oldest first. Who takes them says soon what became of it;
-- else they are due again after the lease, whoever died.
with due as (
    select a.id
    from   walhook.alert as a
    where  a.notify_at <= now()
    and    a.at > now() - interval '1 day'
    order  by a.id
    limit  $1
    for    update skip locked
), claimed as (
    update walhook.alert as a
    set    notify_at    = now() + $2::bigint * interval '1 microsecond',
           notify_tries = a.notify_tries + 1
    from   due
    where  a.id = due.id
    returning a.id, a.severity, a.kind, a.message, a.notify_tries
)
select c.id,
       c.severity,
       c.kind,
       c.message,
       c.notify_tries
from   claimed as c
order  by c.id
