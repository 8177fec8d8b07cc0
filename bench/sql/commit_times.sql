select substr(reference, 3)::bigint,
       (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
from   public.orders_0
order  by 1
