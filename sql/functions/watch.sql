create or replace function walhook.watch(relation regclass, model text default null)
returns void
language plpgsql
volatile
-- The publication is its owner's.
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    watched   record;
    published record;
begin
    select c.oid, c.relname, n.nspname, c.relkind, c.relpersistence, c.relispartition, c.relreplident,
           pg_partition_root(c.oid) as root
    into   watched
    from   pg_class     as c
    join   pg_namespace as n on n.oid = c.relnamespace
    where  c.oid = watch.relation;
    if not found then
        perform walhook.refuse('relation', 'there is no such table', 'Name it with its schema, as in ''public.orders''.');
    elsif watched.nspname in ('walhook', 'pg_catalog', 'information_schema') then
        perform walhook.refuse('relation', format('%s is not the application''s', watch.relation), 'Watch a table of your own.');
    elsif watched.relispartition then
        perform walhook.refuse('relation', format('%s is a partition', watch.relation), format('Watch its root: select walhook.watch(%L).', watched.root));
    elsif watched.relkind not in ('r', 'p') then
        perform walhook.refuse('relation', format('%s is not a table', watch.relation), 'Watch the tables it reads from.');
    elsif watched.relpersistence <> 'p' then
        perform walhook.refuse('relation', format('%s is unlogged or temporary, so that its changes are not in the WAL', watch.relation),
            format('alter table %s set logged', watch.relation));
    end if;
    insert into walhook.model (label, relation, event_prefix)
    values (coalesce(watch.model, format('%s.%s', watched.nspname, watched.relname)), watch.relation,
            case when watch.model is null then watched.relname end)
    on conflict on constraint model_pkey do nothing;
    if not exists (
        select
        from   walhook.model as m
        where  m.relation = watch.relation
        and    m.label = coalesce(watch.model, m.label)
    ) then
        perform walhook.refuse('model', format('another table is called %s', watch.model), 'Choose another label, or unwatch that table.');
    end if;
    for published in
        select p.pubname
        from   walhook.installation as i
        join   pg_publication       as p on p.pubname = i.publication
        where  not p.puballtables
        and    not exists (
                   select
                   from   pg_publication_tables as t
                   where  t.pubname = p.pubname
                   and    t.schemaname = watched.nspname
                   and    t.tablename = watched.relname)
    loop
        execute format('alter publication %I add table only %s', published.pubname, watch.relation);
    end loop;
    if watched.relreplident <> 'f' then
        execute format('alter table only %s replica identity full', watch.relation);
    end if;
    if watched.relkind = 'p' then
        perform walhook.give_partitions_full_identity(watch.relation);
    end if;
    perform walhook.log_operation('watch', watch.relation::text);
end
$$;
comment on function walhook.watch(regclass, text) is 'Lets changes of a table become events from this transaction''s commit on, under a model''s label (schema.table by default). Sets replica identity full, so that they carry the old row.';
revoke all on function walhook.watch(regclass, text) from public;
