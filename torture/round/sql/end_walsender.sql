select pg_terminate_backend(active_pid)
from   pg_replication_slots
where  active_pid is not null
