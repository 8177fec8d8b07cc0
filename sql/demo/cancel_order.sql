-- cancel_order
delete from orders
where id = $1
