create role ROLE_acme;
create role ROLE_beta;
create role ROLE_mallory login in role ROLE_acme;
create role ROLE_bob login in role ROLE_beta;
create role ROLE_viewer login in role walhook_viewer;
create role ROLE_admin login in role walhook_admin;
create table orders (id int primary key, status text, total numeric);
select walhook.watch('orders', 'store.Order');
insert into walhook.event_type (name, model, condition) values ('order.large', 'store.Order', 'new.total > 1000');
insert into walhook.application (name, admin_role, key, models)
values ('acme', 'ROLE_acme', '1', '{shop.*}'),
       ('beta', 'ROLE_beta', '2', '{store.*}');

select walhook.create_endpoint('mine', 'https://acme.example.com/hooks', 'acme', headers => '{"X-Key": "own"}',
    auth => '{"type": "oauth2", "client_id": "a", "client_secret": "own", "token_url": "https://acme.example.com/token"}');
select walhook.create_endpoint('victim', 'https://user:topsecret@beta.example.com/hooks', 'beta', headers => '{"X-Key": "topsecret"}');
select walhook.create_endpoint('former', 'https://acme.example.com/former', 'acme');
delete from walhook.endpoint where name = 'former';
set walhook.daemon_writes = 'on';
insert into walhook.endpoint (id, name, application, url, managed_by)
values (gen_random_uuid(), 'filed', 'acme', 'https://acme.example.com/filed', 'config');
reset walhook.daemon_writes;

insert into walhook.attempt
       (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome, committed_at, started_at,
        duration_us, status_code, response_body, payload)
select gen_random_uuid(), 1, e.id, '0/1', 1, 'evt_1', 'order.created', 'success', now(), now(), 1, 200, 'topsecret', '{"topsecret": 1}'
from   walhook.endpoint as e
where  e.name = 'victim';
insert into walhook.pending
       (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash, former_key_hash, shape, bytes, state)
select gen_random_uuid(), e.id, '0/2', 1, 'evt_2', 'order.created', now(), 1, 1, 7, 16, 'ready'
from   walhook.endpoint as e
where  e.name = 'victim';
insert into walhook.body values ('evt_2', 7, '{"topsecret": 2}');
insert into walhook.alert (severity, kind, application, endpoint_name, message)
values ('warning', 'consecutive_failures', 'beta', 'victim', 'topsecret');
analyze;
