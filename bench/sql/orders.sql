-- The business table of the workload, once for each model.
create table %TABLE% (
    id          bigint generated always as identity primary key,
    reference   text,
    status      text,
    total       numeric(12, 2),
    customer_id bigint,
    email       text,
    note        text default repeat('x', 200),
    created_at  timestamptz default now()
);
