-- ship_order
update orders
set status = 'shipped', shipped_at = now(), updated_by = $2
where id = $1
