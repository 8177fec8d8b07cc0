-- change_email
update customer
set email = $2
where id = $1
