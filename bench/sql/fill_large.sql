-- One ready delivery for each endpoint, of row number (its place), with a body of $1 bytes.
with waiting as (
    select id                                   as endpoint_id,
           row_number() over (order by id)      as row,
           'evt_' || substr(md5(id::text), 1, 26) as event_id
    from   walhook.endpoint
),
body as (
    insert into walhook.body (event_id, shape, body)
    select event_id,
           0,
           convert_to('{"reference": "R-' || row || '", "note": "' || repeat('x', $1::int) || '"}', 'UTF8')
    from   waiting
)
insert into walhook.pending (
    delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash,
    former_key_hash, shape, bytes, state)
select md5(event_id)::uuid,
       endpoint_id,
       '0/1'::pg_lsn,
       row,
       event_id,
       'order.created',
       now(),
       row,
       row,
       0,
       $1::int + 40,
       'ready'
from   waiting
