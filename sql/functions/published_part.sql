create or replace function walhook.published_part(relation regclass, out columns name[], out row_filter text)
language sql
stable
-- The installation is not everybody's to read; what is published is.
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Before PostgreSQL 18 the view names generated columns, which are never in the WAL's rows.
    select array(
               select a.attname
               from   pg_attribute as a
               where  a.attrelid = c.oid
               and    a.attname = any (t.attnames)
               and    (a.attgenerated = '' or current_setting('server_version_num')::integer >= 180000)),
           t.rowfilter
    from   walhook.installation  as i
    join   pg_publication_tables as t on t.pubname = i.publication
    join   pg_namespace          as n on n.nspname = t.schemaname
    join   pg_class              as c on c.relnamespace = n.oid and c.relname = t.tablename
    where  c.oid = relation
    limit  1
$$;
comment on function walhook.published_part(regclass) is 'Which columns of the relation are published, and of which rows.';
revoke all on function walhook.published_part(regclass) from public;
