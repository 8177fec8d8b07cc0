-- table_states: what the tables $1 are called now, null if they are gone, and whether
-- publication $2 has them.
select given.oid,
       n.nspname::text,
       c.relname::text,
       p.tablename is not null as published
from   unnest($1::oid[])       as given (oid)
left   join pg_class           as c on c.oid = given.oid
left   join pg_namespace       as n on n.oid = c.relnamespace
left   join pg_publication_tables as p
       on p.pubname = $2 and p.schemaname = n.nspname and p.tablename = c.relname
