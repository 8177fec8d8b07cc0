create or replace function walhook.make_partitions(first_day date, last_day date)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
-- Whoever waits for a lock of the log makes every delivery behind it wait too.
set lock_timeout = '1s'
as $$
declare
    day        date;
    partition  text;
    from_first uuid;
    to_last    uuid;
    made       integer := 0;
begin
    for day in select generate_series(first_day, last_day, interval '1 day')::date loop
        partition := 'attempt_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass('walhook.' || partition) is not null;
        -- Made apart and attached: creating it in place would wait behind every reader of the log.
        execute format('create table walhook.%I (like walhook.attempt including all)', partition);
        from_first := walhook.delivery_floor(day::timestamp at time zone 'UTC');
        to_last := walhook.delivery_floor((day + 1)::timestamp at time zone 'UTC');
        -- Rows that came before their partition, as when a clock was ahead, would forbid it.
        execute format(
            'with early as (
                 delete from walhook.attempt_default
                 where  delivery_id >= %L and delivery_id < %L
                 returning *
             )
             insert into walhook.%I select * from early', from_first, to_last, partition);
        execute format(
            'alter table walhook.attempt attach partition walhook.%I for values from (%L) to (%L)',
            partition, from_first, to_last);
        made := made + 1;
    end loop;
    return made;
end
$$;
comment on function walhook.make_partitions(date, date) is 'Makes the log''s partitions for these commit days (UTC) where missing; returns how many.';
revoke all on function walhook.make_partitions(date, date) from public;
