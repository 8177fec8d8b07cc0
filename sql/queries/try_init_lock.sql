-- try_init_lock: only one init at a time; the session keeps the lock until it ends.
select pg_try_advisory_lock(hashtext('walhook.init'), 0)
