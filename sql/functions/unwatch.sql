create or replace function walhook.unwatch(relation regclass)
returns void
language plpgsql
volatile
-- The publication is its owner's.
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    published record;
begin
    delete from walhook.model as m where m.relation = unwatch.relation;
    if not found then
        perform walhook.refuse('relation', format('%s is not watched', unwatch.relation), 'select label, relation from walhook.model shows what is.');
    end if;
    for published in
        select p.pubname
        from   walhook.installation as i
        join   pg_publication       as p on p.pubname = i.publication
        join   pg_publication_rel   as r on r.prpubid = p.oid
        where  r.prrelid = unwatch.relation
    loop
        execute format('alter publication %I drop table %s', published.pubname, unwatch.relation);
    end loop;
    perform walhook.log_operation('unwatch', unwatch.relation::text);
    raise notice 'the replica identity of % stays as it is', unwatch.relation
        using hint = format('alter table %s replica identity default', unwatch.relation);
end
$$;
comment on function walhook.unwatch(regclass) is 'Ends what watch began for a relation: the table''s changes make no events any more. Its replica identity stays.';
revoke all on function walhook.unwatch(regclass) from public;
