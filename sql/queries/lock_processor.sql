-- lock_processor: the session is that of the processor $1 for as long as it lives; false if another one is.
select pg_try_advisory_lock($1)
