-- settled_beyond: deliveries at or after id $1 that are settled although their position is
-- beyond the watermark ($2, $3): a replay skips them.
select delivery_id
from   walhook.attempt
where  delivery_id >= $1
and    (commit_lsn, ordinal) > ($2, $3)
and    outcome in ('success', 'failed', 'cancelled')
union
select delivery_id
from   walhook.pending
where  delivery_id >= $1
and    (commit_lsn, ordinal) > ($2, $3)
