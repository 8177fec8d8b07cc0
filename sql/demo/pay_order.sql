-- pay_order
update orders
set status = 'paid', updated_by = 'payments'
where id = $1
