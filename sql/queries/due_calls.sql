-- due_calls: what callbacks are to be called with now, oldest first, at most $3: failures if $1,
-- alerts of the last day if $2.
select d.kind, d.key, d.tries
from   (
           (
               select 'failure' as kind, f.delivery_id || '/' || f.attempt as key, f.tries, f.call_at
               from   walhook.failure as f
               where  $1
               and    f.call_at <= now()
               order  by f.call_at
               limit  $3
           )
           union all
           (
               select 'alert', a.id::text, a.call_tries, a.call_at
               from   walhook.alert as a
               where  $2
               and    a.call_at <= now()
               and    a.at > now() - interval '1 day'
               order  by a.call_at
               limit  $3
           )
       ) as d
order  by d.call_at, d.key
limit  $3
