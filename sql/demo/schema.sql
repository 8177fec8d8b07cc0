-- schema
-- The small shop of `walhook demo`: an application's own tables, which know nothing of walhook.

create table customer (
    id          bigint generated always as identity primary key,
    name        text not null,
    email       text not null,
    credit_card text not null
);

comment on table customer is 'who buys; credit_card must never leave this database';

create table product (
    sku   text primary key,
    name  text not null,
    price numeric(10, 2) not null,
    stock integer not null,
    constraint stock_is_not_negative check (stock >= 0)
);

comment on table product is 'what is sold; stock in pieces';

create table orders (
    id          bigint generated always as identity primary key,
    reference   text not null,
    customer_id bigint not null references customer,
    sku         text not null references product,
    quantity    integer not null,
    total       numeric(10, 2) not null,
    status      text not null default 'pending',
    shipped_at  timestamptz,
    updated_by  text not null,
    constraint reference_is_unique unique (reference)
);

comment on table orders is 'what was bought; a cancelled order is deleted';

insert into product (sku, name, price, stock)
values
    ('TEA-ASSAM', 'Assam, second flush, 250 g', 12.90, 120),
    ('TEA-SENCHA', 'Sencha, first picking, 100 g', 18.50, 80),
    ('POT-CLAY', 'Clay teapot, 0.6 l', 49.00, 25),
    ('CUP-THIN', 'Thin cup, pair', 22.00, 60),
    ('HONEY-LINDEN', 'Linden honey, 500 g', 9.80, 200);
