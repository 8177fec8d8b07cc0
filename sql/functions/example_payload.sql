create or replace function walhook.example_payload(model walhook.model, event text, event_type text, receiver walhook.endpoint)
returns json
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    object  json;
    changes json;
    actor   json;
begin
    if event <> 'truncated' then
        select coalesce(json_object_agg(f.field, coalesce(to_jsonb(f.mask), walhook.example_value(f.type_id)) order by f.place), '{}')
        into   object
        from   walhook.shown_fields(model, receiver) as f;
    end if;
    if event = 'updated' then
        select json_build_object(f.field, json_build_object('old', to_jsonb(f.mask), 'new', coalesce(to_jsonb(f.mask), walhook.example_value(f.type_id))))
        into   changes
        from   walhook.shown_fields(model, receiver) as f
        -- A key seldom changes.
        order  by exists (select from pg_index as i where i.indrelid = model.relation and i.indisprimary and f.place = any (i.indkey)), f.place
        limit  1;
    end if;
    -- Include lists say what of the row is shown; who did it is the model's to say.
    receiver.include_fields := null;
    select json_object_agg(u.key, coalesce(to_jsonb(f.mask), walhook.example_value(f.type_id)))
    into   actor
    from   jsonb_each_text(model.user_columns)         as u
    join   walhook.shown_fields(model, receiver) as f on f.field = u.value
    where  event <> 'truncated';
    return format('{"id":"evt_01M8AD6GKQKQJD39T60XPP2DZC","type":%s,"event":%s,"schema_version":1,"timestamp":"2026-01-16T12:30:00Z",'
        '"model":{"app":%s,"name":%s,"label":%s},"object":%s,"changes":%s,"user":%s}',
        to_json(event_type), to_json(event),
        to_json(split_part(model.label, '.', 1)), to_json(substr(model.label, strpos(model.label, '.') + 1)), to_json(model.label),
        coalesce(object::text, 'null'), coalesce(changes::text, 'null'), coalesce(actor::text, 'null'));
end
$$;
comment on function walhook.example_payload(walhook.model, text, text, walhook.endpoint) is 'A body as a receiver, the endpoint, gets it for a change of the kind event to a model''s table, under the event_type; values are made up from the columns'' types.';
revoke all on function walhook.example_payload(walhook.model, text, text, walhook.endpoint) from public;
