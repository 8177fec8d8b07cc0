-- Each with even odds.
select pg_terminate_backend(pid)
from   pg_stat_activity
where  application_name = 'walhook'
and    backend_type = 'client backend'
and    random() < 0.5
