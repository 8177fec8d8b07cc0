create or replace function walhook.inbound_processors()
returns bigint[]
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- An advisory lock of one bigint shows as its halves, with objsubid 1.
    select coalesce(array_agg((l.classid::bigint << 32) | l.objid::bigint), '{}')
    from   pg_locks as l
    where  l.locktype = 'advisory'
    and    l.objsubid = 1
    and    l.granted
    and    l.database = (select d.oid from pg_database as d where d.datname = current_database())
$$;
comment on function walhook.inbound_processors() is 'Keys of the advisory locks held in this database; claims of inbound events under other keys are abandoned.';
revoke all on function walhook.inbound_processors() from public;
