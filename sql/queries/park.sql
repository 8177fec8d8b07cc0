-- park: new rows of the queue; their bodies are stored already.
-- A row that is there already stays as it is: a replay must not undo what happened to it since.
with given as (
    select *
    from   unnest($1::uuid[], $2::uuid[], $3::pg_lsn[], $4::int8[], $5::text[], $6::text[],
                  $7::timestamptz[], $8::int8[], $9::int8[], $10::int8[], $11::int4[],
                  $12::text[], $13::int8[], $14::text[], $15::int4[], $16::int4[], $17::int4[], $18::text[], $19::bool[])
           as g (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type,
                 committed_at, key_hash, former_key_hash, shape, bytes,
                 state, delay_us, hold_reason, attempts, charged, status_code, error_message,
                 awaits_template)
)
insert into walhook.pending
       (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at,
        key_hash, former_key_hash, shape, bytes, state, next_at, hold_reason,
        attempts, charged, status_code, error_message, awaits_template)
select delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at,
       key_hash, former_key_hash, shape, bytes, state,
       now() + delay_us * interval '1 microsecond', hold_reason,
       attempts, charged, status_code, error_message, awaits_template
from   given
on conflict (delivery_id) do nothing
