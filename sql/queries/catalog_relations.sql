-- catalog_relations: what pgoutput does not tell of tables. Tables that are gone have no row.
-- $1 oid[]: the tables.
-- How texts are ordered is said in a word (see value::TextOrder); the names of columns that tell of
-- it differ between versions, hence the rows as jsonb.
with database as (
    select database.datlocprovider as provider,
           database.datcollate     as collate,
           database.datctype       as ctype,
           coalesce(to_jsonb(database) ->> 'datlocale', to_jsonb(database) ->> 'daticulocale') as locale
    from   pg_catalog.pg_database as database
    where  database.datname = pg_catalog.current_database()
),
facts as (
    select attribute.attrelid,
           attribute.attnum,
           attribute.attname::pg_catalog.text as name,
           attribute.atttypid,
           attribute.attcollation,
           attribute.attgenerated = ''
           or pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 180000 as may_be_published,
           case
               when attribute.attcollation = 0 then 'none'
               when not rule.collisdeterministic then 'none'
               when pg_catalog.getdatabaseencoding() <> 'UTF8' then 'equality'
               when locale.provider in ('c', 'b') and locale.collate in ('C', 'POSIX')
                and locale.ctype in ('C', 'POSIX') then 'plain'
               when locale.provider in ('c', 'b')
                and locale.collate in ('C', 'POSIX', 'C.UTF-8', 'C.UTF8', 'C.utf8') then 'bytes'
               else 'equality'
           end as text_order
    from   pg_catalog.pg_attribute as attribute
    left   join pg_catalog.pg_collation as rule on rule.oid = attribute.attcollation
    cross  join database
    cross  join lateral (
        select case when rule.collprovider = 'd' then database.provider else rule.collprovider end as provider,
               case
                   when rule.collprovider = 'd' and database.provider = 'b' then database.locale
                   when rule.collprovider = 'd' then database.collate
                   when rule.collprovider = 'b' then to_jsonb(rule) ->> 'colllocale'
                   else rule.collcollate
               end as collate,
               case
                   when rule.collprovider = 'd' and database.provider = 'b' then database.locale
                   when rule.collprovider = 'd' then database.ctype
                   when rule.collprovider = 'b' then to_jsonb(rule) ->> 'colllocale'
                   else rule.collctype
               end as ctype
    ) as locale
    where  attribute.attrelid = any ($1)
    and    attribute.attnum > 0
    and    not attribute.attisdropped
)
select
    class.oid,
    array(select f.name         from facts as f where f.attrelid = class.oid order by f.attnum) as column_names,
    array(select f.attnum       from facts as f where f.attrelid = class.oid order by f.attnum) as column_numbers,
    array(select f.atttypid     from facts as f where f.attrelid = class.oid order by f.attnum) as column_types,
    array(select f.attcollation from facts as f where f.attrelid = class.oid order by f.attnum) as column_collations,
    array(select f.may_be_published from facts as f where f.attrelid = class.oid order by f.attnum) as column_published,
    array(select f.text_order   from facts as f where f.attrelid = class.oid order by f.attnum) as column_orders,
    -- Of the database's own collation: known to be deterministic, and perhaps more.
    (
        select case
                   when pg_catalog.getdatabaseencoding() <> 'UTF8' then 'equality'
                   when database.provider = 'c' and database.collate in ('C', 'POSIX')
                    and database.ctype in ('C', 'POSIX') then 'plain'
                   when database.provider = 'b' and database.locale = 'C' then 'plain'
                   when database.provider = 'c'
                    and database.collate in ('C', 'POSIX', 'C.UTF-8', 'C.UTF8', 'C.utf8') then 'bytes'
                   when database.provider = 'b' and database.locale = 'C.UTF-8' then 'bytes'
                   else 'equality'
               end
        from   database
    ) as database_order,
    -- Without the columns of "include", which follow the key's own.
    array(
        select key.number
        from   pg_catalog.pg_index as index,
               unnest(index.indkey::pg_catalog.int2[]) with ordinality as key (number, place)
        where  index.indrelid = class.oid and index.indisprimary and key.place <= index.indnkeyatts
    ) as primary_key
from  pg_catalog.pg_class as class
where class.oid = any ($1)
