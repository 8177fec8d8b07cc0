-- is_at_work: whether the server does something for the session of process $1, rather than wait
-- for it to speak.
select exists (
           select
           from   pg_stat_activity
           where  pid = $1
           and    wait_event_type is distinct from 'Client'
       )
