-- catalog_types: what stands behind types that are not built in, down to those that are neither
-- domain nor array. Types that are gone have no row.
-- $1 oid[]: the types.
-- An array is what array_out writes: pg_type.typelem alone also stands in point, name and others.
with recursive reachable (oid) as (
    select unnest($1::pg_catalog.oid[])
    union
    select case type.typtype when 'd' then type.typbasetype else type.typelem end
    from   reachable
    join   pg_catalog.pg_type as type on type.oid = reachable.oid
    where  type.typtype = 'd'
    or     type.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc
)
select
    type.oid,
    case when type.typtype = 'd' then type.typbasetype end as base,
    case
        when type.typtype <> 'd' and type.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc
        then type.typelem
    end as element,
    element.typdelim as delimiter,
    type.typtype = 'e' as is_enum,
    type.typtype = 'c' as is_composite
from      reachable
join      pg_catalog.pg_type as type    on type.oid = reachable.oid
left join pg_catalog.pg_type as element on element.oid = type.typelem
