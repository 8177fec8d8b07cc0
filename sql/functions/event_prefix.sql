create or replace function walhook.event_prefix(label text, given text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- OrderItem becomes order_item, HTTPRequest http_request.
    select coalesce(nullif(given, ''), lower(regexp_replace(
               substr(label, strpos(label, '.') + 1) collate "C",
               '(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', 'g')))
$$;
comment on function walhook.event_prefix(text, text) is 'order of order.created for a model''s label and the event_prefix given for it, if any.';
revoke all on function walhook.event_prefix(text, text) from public;
