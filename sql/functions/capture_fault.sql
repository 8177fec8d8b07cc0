create or replace function walhook.capture_fault(relation regclass, out reason text, out fix text)
language plpgsql
stable
-- The installation is not everybody's to read; what is published is.
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    class record;
    model text;
    lacks text;
begin
    select c.oid, c.relkind, c.relpersistence, c.relispartition, c.relnamespace::regnamespace::text as schema,
           pg_partition_root(c.oid) as root
    into   class
    from   pg_class as c
    where  c.oid = relation;
    if class.oid is null then
        perform walhook.refuse('relation', 'there is no such table', 'Name it with its schema, as in ''public.orders''.');
    end if;
    select m.label into model from walhook.captured_models() as m where m.relation = capture_fault.relation;
    select p.pubname
    into   lacks
    from   walhook.installation as i
    join   pg_publication       as p on p.pubname = i.publication
    where  not exists (
               select
               from   pg_publication_tables as t
               join   pg_class              as c on c.relname = t.tablename and c.relnamespace::regnamespace = to_regnamespace(quote_ident(t.schemaname))
               where  t.pubname = p.pubname
               and    c.oid = capture_fault.relation)
    limit  1;
    if class.schema in ('walhook', 'pg_catalog', 'information_schema') then
        reason := format('%s is not the application''s', relation);
        fix := 'ask about a table of your own';
    elsif class.relispartition then
        reason := format('%s is a partition: its changes belong to %s', relation, class.root::regclass);
        fix := format('ask about %s', class.root::regclass);
    elsif class.relkind not in ('r', 'p') then
        reason := format('%s is not a table', relation);
        fix := 'ask about the tables it reads from';
    elsif class.relpersistence <> 'p' then
        reason := format('%s is unlogged or temporary: its changes are not in the WAL', relation);
        fix := format('alter table %s set logged', relation);
    elsif model is null and (lacks is null or exists (select from walhook.model as m where m.relation = capture_fault.relation)) then
        reason := format('%s has no model that you may know', relation);
        fix := 'have walhook_admin call walhook.watch, or add its label to application.models';
    elsif model is null then
        reason := format('%s has no model and is not published', relation);
        fix := format('select walhook.watch(%L)', relation);
    elsif lacks is not null then
        reason := format('%s is not in the publication %I', relation, lacks);
        fix := format('alter publication %I add table only %s', lacks, relation);
    end if;
end
$$;
comment on function walhook.capture_fault(regclass) is 'Why changes of a table, the relation, are not captured, and what to do about it; null if they are.';
revoke all on function walhook.capture_fault(regclass) from public;
