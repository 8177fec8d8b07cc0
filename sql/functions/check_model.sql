create or replace function walhook.check_model(given walhook.model)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given.label !~ '^[^.]+[.][^.]+$' or octet_length(given.label) > 127 then
        perform walhook.refuse('label', 'not a model''s label', 'Write app.Name, as in store.Order.');
    end if;
    if not given.events <@ '{created,updated,deleted,truncated}' or cardinality(given.events) = 0 then
        perform walhook.refuse('events', 'not what can happen to a row', 'Name some of created, updated, deleted and truncated.');
    end if;
end
$$;
comment on function walhook.check_model(walhook.model) is 'Refuses a model that cannot be meant.';
revoke all on function walhook.check_model(walhook.model) from public;
