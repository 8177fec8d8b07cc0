-- table_states: of the tables with oids $1, once called $2.$3: what they are called now, null if
-- they are gone; whether publication $4 has them; whether another table has the name now.
select given.oid,
       n.nspname::text,
       c.relname::text,
       p.tablename is not null as published,
       exists (
           select
           from   pg_class     as heir
           join   pg_namespace as there on there.oid = heir.relnamespace
           where  there.nspname = given.schema
           and    heir.relname = given.name
           and    heir.oid <> given.oid
       ) as replaced
from   unnest($1::oid[], $2::text[], $3::text[]) as given (oid, schema, name)
left   join pg_class     as c on c.oid = given.oid
left   join pg_namespace as n on n.oid = c.relnamespace
left   join pg_publication_tables as p
       on p.pubname = $4 and p.schemaname = n.nspname and p.tablename = c.relname
