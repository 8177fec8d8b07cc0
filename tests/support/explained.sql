create table orders (id int primary key, status text, total numeric, tenant text, profile jsonb);
create table items (order_id bigint, line int, note text, primary key (order_id, line));
create table loose (name text, at timestamptz);
create table plain (id int primary key);
create unlogged table fleeting (id int primary key);
create table parted (id int primary key) partition by range (id);
create table part_one partition of parted for values from (0) to (9);
create view open_orders as select * from orders;
insert into orders values (1, 'open', 100, '17', '{"phone": "1"}'), (2, 'paid', 0, '18', null);
insert into items values (1, 1, 'a');
insert into loose values ('a', now()), ('a', now());
select walhook.watch('orders', 'store.Order');
select walhook.watch('items', 'store.Item');
select walhook.watch('loose', 'store.Loose');
select walhook.create_endpoint('crm', 'https://crm.example.com/hooks');
insert into walhook.event_type (name, model, on_events, condition)
values ('order.large', 'store.Order', '{created}', 'new.total > 1000');
update walhook.model set active_from = '0/0';
update walhook.event_type set active_from = '0/0';
update walhook.endpoint set active_from = '0/0';

create role ROLE_acme;
create role ROLE_alice login in role ROLE_acme;
create role ROLE_viewer login in role walhook_viewer;
insert into walhook.application (name, admin_role, key, models) values ('acme', 'ROLE_acme', '17', '{store.*}');
grant select on orders, plain to ROLE_acme;
