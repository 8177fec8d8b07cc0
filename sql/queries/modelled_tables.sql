-- modelled_tables: tables of publication $1, roots of partitioned ones alone.
select c.oid, n.nspname::text, c.relname::text
from   pg_publication_tables as p
join   pg_namespace          as n on n.nspname = p.schemaname
join   pg_class              as c on c.relnamespace = n.oid and c.relname = p.tablename
where  p.pubname = $1
and    n.nspname <> 'walhook'
