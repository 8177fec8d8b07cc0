-- store_inbound: events in the order of source and id, each once; returns those that were not there yet.
-- Looked up first: an insert that met a row which a handler is changing would wait for the handler.
insert into walhook.inbound_event
       (source, event_id, event_type, payload, raw, body_sha256, headers, status, error_message, failed_at)
select g.source,
       g.event_id,
       g.event_type,
       g.payload::jsonb,
       g.raw,
       g.body_sha256,
       g.headers::jsonb,
       case
           when g.unusable is not null then 'failed'
           when g.is_mapped then 'received'
           when exists (select
                        from   walhook.inbound_handler as h
                        where  h.source = g.source collate "C"
                        and    coalesce(g.event_type, '') collate "C" like h.like_pattern)
           then 'received'
           else 'ignored'
       end,
       g.unusable,
       case when g.unusable is not null then now() end
from   (
           -- In step and in order. Behind "from", each list would be a table of its own first.
           select unnest($1::text[])  as source,
                  unnest($2::text[])  as event_id,
                  unnest($3::text[])  as event_type,
                  unnest($4::text[])  as payload,
                  unnest($5::bytea[]) as raw,
                  unnest($6::text[])  as body_sha256,
                  unnest($7::text[])  as headers,
                  unnest($8::text[])  as unusable,
                  unnest($9::bool[])  as is_mapped
       ) as g
-- A row at a time: "not exists" could be planned, on an empty table, as a join with all of it.
where  (select e.id
        from   walhook.inbound_event as e
        where  e.source = g.source collate "C"
        and    e.event_id = g.event_id collate "C") is null
on conflict (source, event_id) do nothing
returning source, event_id, status = 'received' as is_due
