select (select count(*) from torture.journal) * $1
     - (select count(*) from walhook.attempt where outcome in ('success', 'failed', 'cancelled'))
     + (select count(*) from walhook.pending)
     + (select count(*) from walhook.body)
     + (select count(*) from pg_replication_slots
        where  pg_current_wal_lsn() - confirmed_flush_lsn > 1024 * 1024)
