-- Partitions for the days of the history.
select walhook.make_partitions((now() at time zone 'UTC' - interval '11 days')::date, (now() at time zone 'UTC')::date)
