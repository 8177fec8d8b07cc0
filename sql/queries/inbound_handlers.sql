-- inbound_handlers: every handler, and whose the function is now; null if there is none.
select h.source,
       h.pattern,
       h.handler,
       h.owner,
       pg_get_userbyid(p.proowner)::text as owner_now
from   walhook.inbound_handler as h
left   join pg_proc as p
       on  p.oid = to_regprocedure(h.handler)
       and p.prorettype = 'void'::regtype
order  by h.source, h.pattern, h.handler
