create or replace function walhook.check_event_type(given walhook.event_type)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given.name !~ '^[^.[:space:][:cntrl:]]+([.][^.[:space:][:cntrl:]]+)+$' or octet_length(given.name) > 255 then
        perform walhook.refuse('name', 'not an event type', 'Join words by dots, as in inventory.low_stock.');
    end if;
    if not exists (select from walhook.model as m where m.label = given.model) then
        perform walhook.refuse('model', format('there is no model %s', quote_literal(given.model)),
            'Name the label of a row of walhook.model; walhook.watch makes one.');
    end if;
    if not given.on_events <@ '{created,updated,deleted,truncated}' or cardinality(given.on_events) = 0 then
        perform walhook.refuse('on_events', 'not what can happen to a row', 'Name some of created, updated, deleted and truncated.');
    end if;
end
$$;
comment on function walhook.check_event_type(walhook.event_type) is 'Refuses an event type that cannot be meant.';
revoke all on function walhook.check_event_type(walhook.event_type) from public;
