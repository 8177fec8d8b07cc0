-- standing: since when the session of process $1 has been waiting for its client; null while the
-- server does something for it; no row if there is no such session.
select case when wait_event_type = 'Client' then coalesce(greatest(state_change, query_start)::text, '') end
from   pg_stat_activity
where  pid = $1
