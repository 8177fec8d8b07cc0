-- change_card
update customer
set credit_card = $2
where id = $1
