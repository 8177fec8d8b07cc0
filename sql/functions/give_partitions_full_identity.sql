create or replace function walhook.give_partitions_full_identity(root regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    member regclass;
begin
    for member in
        select t.relid
        from   pg_partition_tree(root) as t
        join   pg_class                as c on c.oid = t.relid
        where  c.relreplident <> 'f'
        and    walhook.may_be_full(c.oid)
    loop
        execute format('alter table only %s replica identity full', member);
    end loop;
end
$$;
comment on function walhook.give_partitions_full_identity(regclass) is 'Sets replica identity full on a partitioned table and its partitions, since it is the partitions'' that counts.';
revoke all on function walhook.give_partitions_full_identity(regclass) from public;
