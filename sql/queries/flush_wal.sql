-- flush_wal: its commit flushes all WAL that was written before.
select pg_logical_emit_message(true, 'walhook.flush', '')::text
