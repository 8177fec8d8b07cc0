-- place_order
insert into orders (reference, customer_id, sku, quantity, total, updated_by)
select $1, $2, sku, $3::integer, price * $3::integer, 'web shop'
from product
where sku = $4
returning id
