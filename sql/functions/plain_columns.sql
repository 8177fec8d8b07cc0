create or replace function walhook.plain_columns(relation regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- As row_of_nulls has them, which conditions are prepared over.
    with recursive plain (attnum, attname, type_id) as (
        select a.attnum, a.attname, a.atttypid
        from   pg_attribute as a
        where  a.attrelid = relation
        and    a.attnum > 0
        and    not a.attisdropped
        union all
        select p.attnum, p.attname, t.typbasetype
        from   plain   as p
        join   pg_type as t on t.oid = p.type_id and t.typtype = 'd'
    )
    select coalesce(string_agg(format('r.%1$I::%2$s as %1$I', p.attname,
               case when t.typnamespace = 'pg_catalog'::regnamespace or t.typtype in ('b', 'e') and t.typcategory <> 'A'
                    then format_type(t.oid, null)
                    else 'text'
               end), ', ' order by p.attnum), '')
    from   plain   as p
    join   pg_type as t on t.oid = p.type_id and t.typtype <> 'd'
$$;
comment on function walhook.plain_columns(regclass) is 'A select list of the columns that r, a row of the relation, has, each as conditions see it.';
revoke all on function walhook.plain_columns(regclass) from public;
