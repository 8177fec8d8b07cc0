select array_position($1::text[], e.name) - 1,
       a.delivery_id,
       a.attempt,
       a.outcome,
       a.status_code,
       a.event_id,
       a.commit_lsn,
       a.ordinal,
       (extract(epoch from pg_xact_commit_timestamp(a.xmin)) * 1000000)::int8
from   walhook.attempt  as a
join   walhook.endpoint as e on e.id = a.endpoint_id
