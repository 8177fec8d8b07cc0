-- reschedule: rows of the queue whose version is still the one the daemon saw.
update walhook.pending as p
set    state = g.state,
       -- One that was cancelled meanwhile is read again at once, to be ended.
       next_at = now() + case when p.is_cancelled then least(g.delay_us, 0) else g.delay_us end * interval '1 microsecond',
       hold_reason = g.hold_reason,
       attempts = g.attempts,
       charged = g.charged,
       status_code = g.status_code,
       error_message = g.error_message,
       version = p.version + 1
from   unnest($1::uuid[], $2::int4[], $3::text[], $4::int8[], $5::text[], $6::int4[], $7::int4[], $8::int4[], $9::text[])
       as g (delivery_id, version, state, delay_us, hold_reason, attempts, charged, status_code, error_message)
where  p.delivery_id = g.delivery_id
and    p.version = g.version
