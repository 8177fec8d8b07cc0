create or replace function walhook.may_be_full(relation regclass)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- PostgreSQL 18 refuses updates where a generated column is in the identity and not published.
    select current_setting('server_version_num')::integer < 180000
        or not exists (
               select
               from   pg_attribute as a
               where  a.attrelid = relation
               and    a.attgenerated <> ''
               and    not a.attisdropped)
$$;
comment on function walhook.may_be_full(regclass) is 'Whether the relation still takes updates once its replica identity is full and it is published.';
revoke all on function walhook.may_be_full(regclass) from public;
