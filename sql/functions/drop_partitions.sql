create or replace function walhook.drop_partitions(succeeded interval, failed interval)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as $$
declare
    partition text;
    dropped   integer := 0;
begin
    for partition in
        select child.relname
        from   pg_inherits as i
        join   pg_class    as child on child.oid = i.inhrelid
        where  i.inhparent = 'walhook.attempt'::regclass
        and    child.relname ~ '^attempt_[0-9]{8}$'
        and    to_date(right(child.relname, 8), 'YYYYMMDD') < (now() at time zone 'UTC' - succeeded)::date
        order  by child.relname
    loop
        execute format(
            'insert into walhook.failed_attempt
             select a.* from walhook.%1$I as a
             where  exists (select from walhook.%1$I as last
                            where  last.delivery_id = a.delivery_id and last.outcome = ''failed'')
             on conflict do nothing', partition);
        execute format('drop table walhook.%I', partition);
        dropped := dropped + 1;
    end loop;
    delete from walhook.failed_attempt where committed_at < now() - failed;
    return dropped;
end
$$;
comment on function walhook.drop_partitions(interval, interval) is 'Drops the log''s partitions older than the first interval, keeping failed deliveries for the second; returns how many. Gives up where a reader of the log is in the way for a second.';
revoke all on function walhook.drop_partitions(interval, interval) from public;
