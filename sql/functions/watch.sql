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
    known     text;
begin
    select c.relname, n.nspname, c.relkind, c.relreplident
    into   watched
    from   pg_class     as c
    join   pg_namespace as n on n.oid = c.relnamespace
    where  c.oid = watch.relation;
    perform walhook.check_relation(watch.relation);
    select m.label into known from walhook.model as m where m.relation = watch.relation;
    if known <> watch.model then
        perform walhook.refuse('model', format('the table already has the model %s', quote_literal(known)), 'Leave it out, or unwatch the table first.');
    elsif known is null then
        known := coalesce(watch.model, format('%s.%s', watched.nspname, watched.relname));
        if exists (select from walhook.model as m where m.label = known) then
            perform walhook.refuse('model', format('another table is called %s', known), 'Choose another label, or unwatch that table.');
        end if;
        insert into walhook.model (label, relation, event_prefix)
        values (known, watch.relation, case when watch.model is null then watched.relname end);
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
    if watched.relreplident <> 'f' and walhook.may_be_full(watch.relation) then
        execute format('alter table only %s replica identity full', watch.relation);
    end if;
    if watched.relkind = 'p' then
        perform walhook.give_partitions_full_identity(watch.relation);
    end if;
    perform walhook.log_operation('watch', watch.relation::text);
end
$$;
comment on function walhook.watch(regclass, text) is 'Lets changes of a table, the relation, become events from this transaction''s commit on, under a model''s label (schema.table by default). Sets replica identity full, so that they carry the old row; on PostgreSQL 18 not where there are generated columns.';
revoke all on function walhook.watch(regclass, text) from public;
