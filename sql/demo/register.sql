-- register
insert into customer (name, email, credit_card)
values ($1, $2, $3)
returning id
