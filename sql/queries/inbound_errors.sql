-- inbound_errors: events that failed within $1 microseconds, by source; nothing if that was told within the same time.
select coalesce(sum(f.events), 0)::int8                     as events,
       coalesce(jsonb_object_agg(f.source, f.events), '{}') as by_source
from   (
           select e.source, count(*) as events
           from   walhook.inbound_event as e
           where  e.failed_at > now() - $1::int8 * interval '1 microsecond'
           group  by e.source
       ) as f
where  not exists (select
                   from   walhook.alert as a
                   where  a.kind = 'inbound_errors'
                   and    a.at > now() - $1::int8 * interval '1 microsecond')
