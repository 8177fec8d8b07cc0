-- A week back (WAL may be that old) and a week ahead, by commit day in UTC.
select walhook.make_partitions((now() at time zone 'UTC')::date - 7, (now() at time zone 'UTC')::date + 7);
