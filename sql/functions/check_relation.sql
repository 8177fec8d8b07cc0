create or replace function walhook.check_relation(relation regclass)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    found_class record;
begin
    select c.relname, n.nspname, c.relkind, c.relpersistence, c.relispartition,
           pg_partition_root(c.oid) as root
    into   found_class
    from   pg_class     as c
    join   pg_namespace as n on n.oid = c.relnamespace
    where  c.oid = relation;
    if not found then
        perform walhook.refuse('relation', 'there is no such table', 'Name it with its schema, as in ''public.orders''.');
    elsif found_class.nspname in ('walhook', 'pg_catalog', 'information_schema') then
        perform walhook.refuse('relation', format('%s is not the application''s', relation), 'Watch a table of your own.');
    elsif found_class.relispartition then
        perform walhook.refuse('relation', format('%s is a partition', relation), format('Watch its root: select walhook.watch(%L).', found_class.root));
    elsif found_class.relkind not in ('r', 'p') then
        perform walhook.refuse('relation', format('%s is not a table', relation), 'Watch the tables it reads from.');
    elsif found_class.relpersistence <> 'p' then
        perform walhook.refuse('relation', format('%s is unlogged or temporary, so that its changes are not in the WAL', relation),
            format('alter table %s set logged', relation));
    end if;
end
$$;
comment on function walhook.check_relation(regclass) is 'Refuses what is no table whose changes could be captured.';
revoke all on function walhook.check_relation(regclass) from public;
