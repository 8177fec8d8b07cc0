-- Every function that is not its owner's alone, with its arguments, and who may call it.
select p.proname || '(' || coalesce((
           select string_agg(a.name, ', ' order by a.place)
           from   unnest(p.proargnames, p.proargmodes) with ordinality as a (name, mode, place)
           where  coalesce(a.mode, 'i') in ('i', 'b')), '') || ')' as call,
       case
           when has_function_privilege('nobody', p.oid, 'execute') then 'everybody'
           when has_function_privilege('tenant', p.oid, 'execute') then 'tenants, admins'
           else 'admins'
       end as callers
from   pg_proc as p
where  p.pronamespace = 'walhook'::regnamespace
and    p.prorettype <> 'trigger'::regtype
and    has_function_privilege('walhook_admin', p.oid, 'execute')
-- What explain_event and preview stand on is called by them, as whoever asks.
and    (p.proname = 'explain_event' or p.proname <> all (walhook.explaining()))
order  by p.proname collate "C"
