-- store_inbound: events in the order of source and id, each once; what is there already is not touched.
-- Looked up first: an insert that met a row which a handler is changing would wait for the handler.
with given as materialized (
    select g.*,
           known.id is not null as is_known,
           known.processed_at
    from   unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[],
                  $8::text[], $9::bool[])
           with ordinality
           as g (source, event_id, event_type, payload, raw, body_sha256, headers, unusable, is_mapped, n)
    -- A row at a time: a join could be planned, on an empty table, as one with all of it.
    left   join lateral (
        select e.id,
               e.processed_at
        from   walhook.inbound_event as e
        where  e.source = g.source collate "C"
        and    e.event_id = g.event_id collate "C"
        limit  1
    ) as known on true
), stored as (
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
    from   given as g
    where  not g.is_known
    order  by g.n
    on conflict (source, event_id) do nothing
    returning source, event_id, status
)
select null::text as source,
       null::text as event_id,
       g.n,
       false      as is_due,
       g.processed_at
from   given as g
where  g.is_known
union all
select s.source, s.event_id, null, s.status = 'received', null
from   stored as s
