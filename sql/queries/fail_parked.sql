-- fail_parked: a delivery that the queue refuses ends as failed, in the log; $12: the callback is
-- to be told of it.
with failed as (
    insert into walhook.attempt
           (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
            committed_at, started_at, duration_us, status_code, error_message, payload)
    values ($1, -1 - $2::int4, $3, $4, $5, $6, $7, 'failed', $8, now(), 0, $9, $10, $11)
    on conflict do nothing
    returning delivery_id, attempt
)
insert into walhook.failure (delivery_id, attempt)
select f.delivery_id, f.attempt
from   failed as f
where  $12
on conflict do nothing
