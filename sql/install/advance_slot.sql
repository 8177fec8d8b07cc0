select pg_replication_slot_advance(:'slot', pg_current_wal_lsn());
