-- drop_partitions: retention of $1 microseconds for successful, $2 for failed deliveries.
select walhook.drop_partitions($1::int8 * interval '1 microsecond', $2::int8 * interval '1 microsecond')
