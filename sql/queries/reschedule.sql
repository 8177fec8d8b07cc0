-- reschedule: rows of the queue whose version is still the one the daemon saw. Returns those that
-- somebody has locked, which stay: a transaction that is left open must not hold up the log.
with given as (
    select g.*
    from   unnest($1::uuid[], $2::int4[], $3::text[], $4::int8[], $5::text[], $6::int4[], $7::int4[], $8::int4[], $9::text[],
                  $10::int8[], $11::int4[], $12::bool[])
           as g (delivery_id, version, state, delay_us, hold_reason, attempts, charged, status_code, error_message,
                 shape, bytes, awaits_template)
), free as (
    select g.*
    from   given           as g
    join   walhook.pending as p on p.delivery_id = g.delivery_id and p.version = g.version
    for    update of p skip locked
), changed as (
    update walhook.pending as p
    set    state = f.state,
           -- One that was cancelled meanwhile is read again at once, to be ended.
           next_at = now() + case when p.is_cancelled then 0 * f.delay_us else f.delay_us end * interval '1 microsecond',
           hold_reason = f.hold_reason,
           attempts = f.attempts,
           charged = f.charged,
           status_code = f.status_code,
           error_message = f.error_message,
           shape = f.shape,
           bytes = f.bytes,
           awaits_template = f.awaits_template,
           version = p.version + 1
    from   free as f
    where  p.delivery_id = f.delivery_id
)
select g.delivery_id
from   given           as g
join   walhook.pending as p on p.delivery_id = g.delivery_id and p.version = g.version
where  g.delivery_id not in (select f.delivery_id from free as f)
