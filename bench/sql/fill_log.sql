-- $1 old deliveries of today, as the ledger logs them, with bodies.
insert into walhook.attempt (
    delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
    committed_at, started_at, duration_us, status_code, signature, payload)
select (lpad(to_hex((extract(epoch from old.at) * 1000)::bigint), 12, '0')
            || substr(md5(old.row::text), 1, 20))::uuid,
       1,
       endpoint.id,
       '0/1'::pg_lsn,
       old.row,
       'evt_' || substr(md5(old.row::text), 1, 26),
       'order.created',
       'success',
       old.at,
       old.at,
       500,
       204,
       md5(old.row::text) || md5(old.row::text),
       convert_to(repeat(md5(old.row::text), 18), 'UTF8')
from   walhook.endpoint as endpoint,
       lateral (
           select row,
                  date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
                      + random() * (now() - date_trunc('day', now() at time zone 'UTC') at time zone 'UTC') as at
           from   generate_series(1, $1::bigint) as row
       ) as old
where  endpoint.name = 'e0'
