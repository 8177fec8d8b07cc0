-- settle_alerts: what became of posting alerts: the URL took them, or they are due again after a
-- while, or neither: they are given up.
update walhook.alert as a
set    notified_at = case when $2 then now() end,
       notify_at   = now() + $3::bigint * interval '1 microsecond'
where  a.id = any ($1)
