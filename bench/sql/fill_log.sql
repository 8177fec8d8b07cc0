-- Old deliveries of today, as the ledger logs them: $2 rows from row $1 on, of $3 in all, in order.
-- Their bodies are short, since the cost of a long log is that of its indexes.
insert into walhook.attempt (
    delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
    committed_at, started_at, duration_us, status_code, signature, payload)
select (lpad(to_hex((extract(epoch from old.at) * 1000)::bigint), 12, '0') || substr(old.hash, 1, 20))::uuid,
       1,
       endpoint.id,
       '0/1'::pg_lsn,
       old.row,
       'evt_' || substr(old.hash, 1, 26),
       'order.created',
       'success',
       old.at,
       old.at,
       500,
       204,
       old.hash || old.hash,
       convert_to(old.hash, 'UTF8')
from   walhook.endpoint as endpoint,
       lateral (
           select row,
                  md5(row::text) as hash,
                  today.begun + (now() - today.begun) * (row::float8 / $3::bigint) as at
           from   generate_series($1::bigint, $1::bigint + $2::bigint - 1) as row,
                  (select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' as begun) as today
       ) as old
where  endpoint.name = 'e0'
