-- tail_page: attempts logged after snapshot $1 and up to snapshot $2, of endpoint $3 or of all.
-- A row's time says when its attempt began, not when it was logged; so new rows are told by the
-- transaction that wrote them. Looked for among attempts that began in the last ten minutes.
select e.name                                                           as endpoint_name,
       a.*
from   walhook.endpoint as e
cross  join lateral (
           select l.delivery_id,
                  l.event_id,
                  l.event_type,
                  -- A row that ends a delivery without an attempt is numbered from -1 downwards.
                  case when l.attempt > 0 then l.attempt else -1 - l.attempt end as attempt,
                  l.outcome,
                  l.status_code,
                  l.error_class,
                  l.error_message,
                  l.duration_us,
                  to_char(l.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as started_at,
                  l.started_at                                          as began
           from   walhook.attempt as l
           cross  join lateral (
                      -- xmin has 32 bits; it is older than the snapshot by less than 2^32.
                      select (s.xmax - ((s.xmax - l.xmin::text::int8) & 4294967295))::text::xid8 as writer
                      from   (select pg_snapshot_xmax($2::text::pg_snapshot)::text::int8 as xmax) as s
                  ) as x
           where  l.endpoint_id = e.id
           and    l.started_at > now() - interval '10 minutes'
           and    pg_visible_in_snapshot(x.writer, $2::text::pg_snapshot)
           and    not pg_visible_in_snapshot(x.writer, $1::text::pg_snapshot)
       ) as a
where  $3::text is null
or     e.name = $3
order  by a.began, a.delivery_id, a.attempt
