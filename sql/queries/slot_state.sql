-- slot_state: what the server says of slot $1.
select plugin,
       database,
       active_pid,
       confirmed_flush_lsn,
       wal_status,
       pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::int8 as lag_bytes,
       safe_wal_size
from   pg_replication_slots
where  slot_name = $1
