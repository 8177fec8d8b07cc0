create or replace function walhook.row_as_captured(relation regclass, predicate text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
-- As the daemon's replication session has them, so that texts are those of the WAL.
set datestyle = 'ISO'
set intervalstyle = 'iso_8601'
set timezone = 'UTC'
set extra_float_digits = 3
set lc_monetary = 'C'
set bytea_output = 'hex'
as $$
declare
    part   record;
    texts  text[];
    select_list text;
begin
    select p.columns, p.row_filter into part from walhook.published_part(relation) as p;
    -- "is null" is true of a composite value whose fields are all null, too.
    select string_agg(format('case num_nulls(r.%1$I) when 0 then format(''%%s'', r.%1$I) end', a.attname), ', ' order by a.attnum)
    into   select_list
    from   pg_attribute as a
    where  a.attrelid = relation
    and    a.attname = any (part.columns);
    execute format('select array[%s]::text[] from %s as r where %s', select_list, relation, concat_ws(' and ', predicate, part.row_filter))
    into   texts;
    if texts is null then
        return null;
    end if;
    return (
        select jsonb_build_object(
                   'relation', c.oid::bigint,
                   'schema',   c.relnamespace::regnamespace::name,
                   'name',     c.relname,
                   'identity', c.relreplident,
                   'columns',  jsonb_agg(jsonb_build_object(
                       'name',        a.attname,
                       'type',        a.atttypid::bigint,
                       'in_identity', c.relreplident = 'f' or a.attnum = any (coalesce((i.indkey::int2[])[0:i.indnkeyatts - 1], '{}')),
                       'text',        texts[a.place]) order by a.place))
        from   pg_class as c
        cross  join lateral (
                   select p.attname, p.atttypid, p.attnum, row_number() over (order by p.attnum) as place
                   from   pg_attribute as p
                   where  p.attrelid = c.oid
                   and    p.attname = any (part.columns)
               ) as a
        left   join pg_index as i
               on  i.indrelid = c.oid
               and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end
        where  c.oid = relation
        group  by c.oid
    );
end
$$;
comment on function walhook.row_as_captured(regclass, text) is 'The row of the relation that the predicate on r finds, as the WAL would tell of it; null where the publication leaves it out.';
revoke all on function walhook.row_as_captured(regclass, text) from public;
