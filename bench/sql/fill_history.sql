-- A history of ten days as ten endpoints would have it, the first of which gets half of all: $2 rows
-- from row $1 on, of $3 in all, in order. Every fiftieth delivery failed, and has the ids that
-- walhook gives; the others have shorter ways to theirs. Bodies are short, since the cost of a long
-- log is that of its indexes.
insert into walhook.attempt (
    delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
    committed_at, started_at, duration_us, status_code, error_class, error_message, payload)
select case
           when old.has_failed then walhook.delivery_of(old.bytes, endpoint.id)
           else encode(substr(old.bytes, 1, 16), 'hex')::uuid
       end,
       1,
       endpoint.id,
       '0/1'::pg_lsn + old.row,
       0,
       case when old.has_failed then walhook.event_text(old.bytes) else 'evt_' || upper(substr(encode(old.bytes, 'hex'), 1, 26)) end,
       case old.row % 3 when 0 then 'order.created' when 1 then 'order.updated' else 'customer.updated' end,
       case when old.has_failed then 'failed' else 'success' end,
       old.at,
       old.at + interval '5 ms',
       500 + old.row % 5000,
       case when old.has_failed then 500 else 204 end,
       case when old.has_failed then 'http_status' end,
       case when old.has_failed then '500 Internal Server Error' end,
       convert_to('{"row":' || old.row || '}', 'UTF8')
from   (
           select row,
                  row % 50 = 0 as has_failed,
                  at,
                  substr(int8send((extract(epoch from at) * 1000)::bigint), 3)
                      || substr(decode(md5(row::text), 'hex'), 1, 10) as bytes,
                  'e' || case when row % 2 = 0 then 0 else row % 10 end as endpoint
           from   generate_series($1::bigint, $1::bigint + $2::bigint - 1) as row,
                  lateral (select now() - interval '10 days' + interval '10 days' * (row::float8 / $3::bigint)) as passed (at)
       ) as old
join   walhook.endpoint as endpoint on endpoint.name = old.endpoint
