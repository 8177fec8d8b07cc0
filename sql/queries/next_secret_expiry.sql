-- next_secret_expiry: microseconds until a former signing secret expires; null if there is none.
select greatest(0, ceil(extract(epoch from min(expires_at) - now()) * 1000000))::int8
from   walhook.endpoint_secret
where  purpose = 'signing'
and    expires_at > now()
