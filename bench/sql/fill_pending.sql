-- Deliveries that wait for a retry tomorrow, each of a row of its own: $2 from row $1 on, of $3 in all.
with waiting as (
    select row,
           'evt_' || substr(md5(row::text), 1, 26) as event_id
    from   generate_series($1::bigint, least($3::bigint, $1::bigint + $2::bigint - 1)) as row
),
body as (
    insert into walhook.body (event_id, shape, body)
    select event_id, 0, convert_to(repeat(md5(row::text), 18), 'UTF8') from waiting
)
insert into walhook.pending (
    delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash,
    former_key_hash, shape, bytes, state, next_at, attempts, charged)
select md5(waiting.row::text)::uuid,
       endpoint.id,
       '0/1'::pg_lsn,
       waiting.row,
       waiting.event_id,
       'order.created',
       now(),
       hashint8extended(waiting.row, 0),
       hashint8extended(waiting.row, 0),
       0,
       576,
       'retry',
       now() + interval '1 day',
       1,
       1
from   waiting,
       walhook.endpoint as endpoint
where  endpoint.name = 'e0'
