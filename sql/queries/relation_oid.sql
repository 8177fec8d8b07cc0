-- relation_oid: the table called $1.$2.
select c.oid
from   pg_class     as c
join   pg_namespace as n on n.oid = c.relnamespace
where  n.nspname = $1
and    c.relname = $2
and    c.relkind in ('r', 'p')
