create or replace function walhook.events_of(model walhook.model)
returns table (event text, event_type text, derived walhook.event_type)
language sql
stable
rows 4
set search_path = pg_catalog, pg_temp
as $$
    select k.event, t.name, t.derived
    from   unnest(array['created', 'updated', 'deleted', 'truncated']) with ordinality as k (event, place)
    cross  join lateral (
               select format('%s.%s', walhook.event_prefix(model.label, model.event_prefix), k.event) as name,
                      null::walhook.event_type as derived,
                      1 as rank
               union all
               select e.name, e, 2
               from   walhook.event_type as e
               where  e.model = model.label
               and    k.event = any (e.on_events)
           ) as t
    -- A row is not truncated by itself.
    where  k.event <> 'truncated' or k.event = any (model.events)
    order  by k.place, t.rank, t.name
$$;
comment on function walhook.events_of(walhook.model) is 'The event types of each kind of change to a model''s table, its own and those derived from it.';
revoke all on function walhook.events_of(walhook.model) from public;
