-- Everything that is configured in SQL or was done by its functions, and what hangs on tables.
select md5(concat_ws('/',
    (select string_agg(t::text, '' order by t::text) from walhook.application as t),
    (select string_agg(t::text, '' order by t::text) from walhook.endpoint as t),
    (select string_agg(t::text, '' order by t::text) from walhook.endpoint_secret as t),
    (select string_agg(t::text, '' order by t::text) from walhook.model as t),
    (select string_agg(t::text, '' order by t::text) from walhook.event_type as t),
    (select string_agg(t::text, '' order by t::text) from walhook.operation as t),
    (select string_agg(prrelid::regclass::text, '' order by prrelid) from pg_publication_rel),
    (select string_agg(relname || relreplident::text, '' order by oid) from pg_class where relkind in ('r', 'p') and relpersistence <> 't')))
