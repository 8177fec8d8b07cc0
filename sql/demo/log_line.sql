-- log_line
select status, status_code, attempts
from walhook.webhook_log
where event_id = $1
