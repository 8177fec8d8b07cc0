-- fail_inbound: runs ($2) of the events $1 that failed with $3, and in how many microseconds ($4) they run again.
-- Says of each: failed; processed, where the run had ended well after all; locked, where it has
-- not ended; settled, where somebody else has taken it on since.
with given as materialized (
    select *
    from   unnest($1::int8[], $2::int4[], $3::text[], $4::int8[]) as g (id, attempts, message, delay_us)
), free as materialized (
    select e.id, g.message, g.delay_us
    from   given as g
    join   walhook.inbound_event as e on e.id = g.id and e.attempts = g.attempts
    where  e.status in ('received', 'failed')
    for    update of e skip locked
), failed as (
    update walhook.inbound_event as e
    set    status = 'failed',
           error_message = free.message,
           failed_at = clock_timestamp(),
           next_retry_at = clock_timestamp() + free.delay_us * interval '1 microsecond',
           claimed_by = null
    from   free
    where  e.id = free.id
)
select g.id,
       case
           when free.id is not null then 'failed'
           when e.id is null then 'settled'
           when e.status in ('received', 'failed') then 'locked'
           else e.status
       end as outcome
from   given as g
left   join free on free.id = g.id
left   join walhook.inbound_event as e on e.id = g.id and e.attempts = g.attempts
