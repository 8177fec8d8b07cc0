-- init_lock: waits for the other init.
select pg_advisory_lock(hashtext('walhook.init'), 0)
