-- configuration_changes: the last change of SQL's declarations, and how many secrets sign: a
-- former one's grace ends without anybody saying so.
select coalesce((select max(o.id) from walhook.operation as o), 0),
       (
           select count(*)
           from   walhook.endpoint_secret as s
           where  s.purpose = 'signing'
           and    (s.expires_at is null or s.expires_at > now())
       )
