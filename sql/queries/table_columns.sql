-- table_columns: columns of the tables $1, and which of them hold json documents.
select c.oid,
       array_agg(a.attname::text order by a.attnum)         as columns,
       array_agg(
           a.atttypid in ('json'::regtype, 'jsonb'::regtype, 'json[]'::regtype, 'jsonb[]'::regtype)
           or exists (
               select
               from   pg_type as d
               where  d.oid = a.atttypid
               and    d.typbasetype in ('json'::regtype, 'jsonb'::regtype)
           )
           order by a.attnum)                               as holds_json
from   pg_class     as c
join   pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where  c.oid = any ($1)
group  by c.oid
