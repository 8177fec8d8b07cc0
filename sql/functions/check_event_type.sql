create or replace function walhook.check_event_type(given walhook.event_type, former_name text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    model walhook.model;
    owner text := walhook.model_of_type(given.name);
begin
    if given.name is null or given.name !~ '^[^.[:space:][:cntrl:]*]+([.][^.[:space:][:cntrl:]*]+)+$' or octet_length(given.name) > 255 then
        perform walhook.refuse_value('name', 'not an event type', 'name = ''inventory.low_stock''', quote_literal(given.name),
            'words joined by dots; at most 255 bytes');
    elsif owner is not null then
        perform walhook.refuse('name', format('%s is what changes of the model %s are called already', given.name, quote_literal(owner)),
            'Give it a name of its own, as in inventory.low_stock.');
    elsif given.name is distinct from former_name and exists (select from walhook.event_type as t where t.name = given.name) then
        perform walhook.refuse('name', format('there is an event type %s already', given.name), 'Give it a name of its own, or update that one.');
    end if;
    select m.* into model from walhook.model as m where m.label = given.model;
    if not found then
        perform walhook.refuse('model', format('there is no model %s', coalesce(quote_literal(given.model), 'null')),
            coalesce(
                (select format('Did you mean %s?', likely)
                 from   walhook.closest_word(given.model, array(select m.label from walhook.model as m order by m.label)) as likely
                 where  likely is not null),
                'Name the label of a row of walhook.model; walhook.watch makes one.'));
    end if;
    perform walhook.check_operations('on_events', given.on_events);
    if btrim(given.condition) <> '' then
        perform walhook.check_condition('condition', given.condition, model.relation, model.label);
    end if;
end
$$;
comment on function walhook.check_event_type(walhook.event_type, text) is 'Refuses an event type that cannot be meant; its former name is null for a new one.';
revoke all on function walhook.check_event_type(walhook.event_type, text) from public;
