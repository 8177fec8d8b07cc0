-- change_stock
update product
set stock = stock + $1
where sku = $2
