-- held_endpoints: endpoints that hold events which are kept for $1 microseconds, and will have held
-- some of them for that long within a day; since when, when the first of them goes, and whether
-- operators were told of it, a day ago or later.
select e.id,
       e.name,
       e.application,
       e.state,
       to_char(e.held_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
       to_char(greatest(now() + interval '1 day', greatest(e.held_since, first.parked_at) + kept.time)
                   at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')      as goes_at,
       told.at is not null                                                as is_told,
       coalesce(told.at <= now() - interval '1 day', false)
           and e.held_since <= now() - kept.time                          as may_go
from   walhook.endpoint as e
cross  join (select $1::int8 * interval '1 microsecond' as time) as kept
cross  join lateral (
           select least(
                      (
                          select p.parked_at
                          from   walhook.pending as p
                          where  p.endpoint_id = e.id
                          and    p.state = 'ready'
                          order  by p.commit_lsn, p.ordinal
                          limit  1
                      ),
                      (
                          select p.parked_at
                          from   walhook.pending as p
                          where  p.endpoint_id = e.id
                          and    (p.state = 'blocked' or p.state = 'retry')
                          limit  1
                      )
                  ) as parked_at
       ) as first
cross  join lateral (
           select min(a.at) as at
           from   walhook.alert as a
           where  a.kind = 'held_expiring'
           and    a.endpoint_name = e.name
           and    a.at >= e.held_since
       ) as told
where  e.removed_at is null
and    e.state <> 'active'
and    greatest(e.held_since, first.parked_at) <= now() + interval '1 day' - kept.time
and    first.parked_at is not null
