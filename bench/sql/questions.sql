-- Questions that operators ask of the log, one a line below its name. 'event' and 'delivery' are
-- those of some failure of e0.

-- the newest hundred deliveries
select * from walhook.webhook_log order by created_at desc limit 100
-- the last failures of a busy endpoint
select * from walhook.webhook_log where endpoint_name = 'e0' and status = 'failed' order by created_at desc limit 20
-- failures of the last hour by endpoint and error
select endpoint_name, error_message, count(*) from walhook.webhook_log where status = 'failed' and created_at > now() - interval '1 hour' group by 1, 2 order by 3 desc
-- what became of an event
select * from walhook.webhook_log where event_id = :'event'
-- every attempt of a delivery
select * from walhook.webhook_attempt where delivery_id = :'delivery' order by attempt
-- how every endpoint fares
select * from walhook.endpoint_health
-- what waits
select * from walhook.queue_health
-- open alerts
select * from walhook.alert where acknowledged_at is null order by id desc limit 20
-- recover an hour, dry run
select * from walhook.recover('e0', now() - interval '1 hour')
-- redeliver an event
select * from walhook.redeliver(:'event', 'e0')
