-- cancelled: which of the deliveries $1 are to end without being sent, and why.
select delivery_id, cancel_reason
from   walhook.pending
where  delivery_id = any ($1)
and    is_cancelled
