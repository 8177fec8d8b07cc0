create or replace function walhook.drop_partitions(succeeded interval, failed interval)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
-- Whoever waits for a lock of the log makes every delivery behind it wait too.
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
    -- Of days that had no partition.
    insert into walhook.failed_attempt
    select a.* from walhook.attempt_default as a
    where  a.committed_at < now() - succeeded
    and    exists (select from walhook.attempt_default as last
                   where  last.delivery_id = a.delivery_id and last.outcome = 'failed')
    on conflict do nothing;
    delete from walhook.attempt_default where committed_at < now() - succeeded;
    delete from walhook.failed_attempt where committed_at < now() - failed;
    return dropped;
end
$$;
comment on function walhook.drop_partitions(interval, interval) is 'Drops the log''s partitions older than the first interval, keeping failed deliveries for the second; returns how many.';
revoke all on function walhook.drop_partitions(interval, interval) from public;
