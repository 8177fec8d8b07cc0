-- lock_inbound_alerts: one processor at a time decides whether to raise one, until its transaction ends.
select pg_advisory_xact_lock(hashtext('walhook.inbound_errors'))
