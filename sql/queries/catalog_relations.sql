-- catalog_relations: what pgoutput does not tell of tables. Tables that are gone have no row.
-- $1 oid[]: the tables.
select
    class.oid,
    array(
        select attribute.attname::pg_catalog.text
        from   pg_catalog.pg_attribute as attribute
        where  attribute.attrelid = class.oid and attribute.attnum > 0 and not attribute.attisdropped
        order  by attribute.attnum
    ) as column_names,
    array(
        select attribute.attnum
        from   pg_catalog.pg_attribute as attribute
        where  attribute.attrelid = class.oid and attribute.attnum > 0 and not attribute.attisdropped
        order  by attribute.attnum
    ) as column_numbers,
    -- Without the columns of "include", which follow the key's own.
    array(
        select key.number
        from   pg_catalog.pg_index as index,
               unnest(index.indkey::pg_catalog.int2[]) with ordinality as key (number, place)
        where  index.indrelid = class.oid and index.indisprimary and key.place <= index.indnkeyatts
    ) as primary_key
from  pg_catalog.pg_class as class
where class.oid = any ($1)
