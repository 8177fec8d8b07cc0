-- $2 rows in one transaction, numbered from $1.
insert into %TABLE% (reference, status, total, customer_id, email)
select 'R-' || row,
       'new',
       (row % 100000) / 100.0,
       row % 100000,
       'customer.' || row % 100000 || '@example.com'
from   generate_series($1::bigint, $1::bigint + $2::bigint - 1) as row
