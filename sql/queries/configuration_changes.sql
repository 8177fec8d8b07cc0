-- configuration_changes: the last change of SQL's declarations, and microseconds until a former
-- signing secret expires, null if there is none.
select coalesce((select max(o.id) from walhook.operation as o), 0),
       (
           -- greatest() would make 0 of no secret at all.
           select ceil(extract(epoch from min(s.expires_at) - now()) * 1000000)::int8
           from   walhook.endpoint_secret as s
           where  s.purpose = 'signing'
           and    s.expires_at > now()
       )
