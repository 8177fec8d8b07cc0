insert into walhook.endpoint (name, application, url)
select 'e' || n, 'beta', 'https://beta.example.com' from generate_series(1, 199) as n;
insert into walhook.attempt
       (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome, committed_at, started_at,
        duration_us, status_code)
select (left(walhook.delivery_floor(now())::text, 13) || substr(gen_random_uuid()::text, 14))::uuid, 1, e.id, '0/1', n,
       'evt_' || n, 'order.created', 'success', now(), now() - n * interval '1 second', 1, 200
from   generate_series(1, 20000) as n
join   walhook.endpoint as e on e.name = case when n % 200 = 0 then 'mine' else 'e' || n % 200 end;
analyze walhook.attempt, walhook.endpoint;
