-- settled_beyond: deliveries at or after id $1 that are settled although their position is
-- beyond the watermark ($2, $3): a replay skips them. With their positions where they wait.
select delivery_id, null::pg_lsn as commit_lsn, null::int8 as ordinal
from   walhook.attempt
where  delivery_id >= $1
and    (commit_lsn, ordinal) > ($2, $3)
and    outcome in ('success', 'failed', 'cancelled')
union all
select delivery_id, commit_lsn, ordinal
from   walhook.pending
where  delivery_id >= $1
and    (commit_lsn, ordinal) > ($2, $3)
