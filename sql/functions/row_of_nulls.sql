create or replace function walhook.row_of_nulls(relation regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Domains stand as what they are over, and what is made of other types as text: to read a
    -- literal of theirs would run the checks of their domains.
    with recursive plain (attnum, attname, type_id, depth) as (
        select a.attnum, a.attname, a.atttypid, 0
        from   pg_attribute as a
        where  a.attrelid = relation
        and    a.attnum > 0
        and    not a.attisdropped
        union all
        select p.attnum, p.attname, t.typbasetype, p.depth + 1
        from   plain   as p
        join   pg_type as t on t.oid = p.type_id and t.typtype = 'd'
    )
    select coalesce(string_agg(format('null::%s as %I',
               case when t.typnamespace = 'pg_catalog'::regnamespace or t.typtype in ('b', 'e') and t.typcategory <> 'A'
                    then format_type(t.oid, null)
                    else 'text'
               end, p.attname), ', ' order by p.attnum), '')
    from   plain   as p
    join   pg_type as t on t.oid = p.type_id and t.typtype <> 'd'
$$;
comment on function walhook.row_of_nulls(regclass) is 'A select list of the table''s columns, each null of its type, to prepare conditions over.';
revoke all on function walhook.row_of_nulls(regclass) from public;
