create or replace function walhook.fate_of_event(
    receiver   walhook.endpoint,
    model      walhook.model,
    event      text,
    event_type text,
    predicate  text,
    out verdict text,
    out reason  text,
    out fix     text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    own_key text;
    row_key text;
    answer  record;
begin
    select r.reason, r.fix into reason, fix from walhook.refused_by_settings(receiver, model, event, event_type) as r;
    if reason is not null then
        verdict := 'not sent';
        return;
    end if;
    if model.application <> '' and predicate is not null then
        execute format('select r.%I::text from %s as r where %s', model.application, model.relation, predicate) into row_key;
        select a.key into own_key from walhook.application as a where a.name = receiver.application;
        if row_key is null or row_key is distinct from own_key then
            verdict := 'not sent';
            reason := format('%I = %s says whose the row is, and the application %s has the key %s', model.application,
                coalesce(quote_literal(row_key), 'null'), receiver.application, coalesce(quote_literal(own_key), 'null'));
            fix := format('have walhook_admin set application.key of %s, if the row is to be its own', receiver.application);
            return;
        end if;
    end if;
    select * into answer from walhook.condition_answer(receiver.condition, model.relation, predicate, event);
    if answer.verdict is distinct from 'depends' and answer.verdict is not null then
        verdict := answer.verdict;
        reason := 'the endpoint''s condition ' || answer.reason;
        fix := walhook.how_to_set('endpoint', receiver.name, receiver.managed_by, 'condition', '''…''');
    elsif receiver.active_from is null then
        verdict := 'waits';
        reason := 'the daemon has not read the endpoint yet';
        fix := 'see that walhook run is up: select * from walhook.replication_health';
    elsif receiver.state <> 'active' then
        verdict := 'held';
        reason := concat_ws(': ', 'the endpoint is ' || receiver.state, receiver.disabled_reason);
        fix := format('select * from walhook.resume(%L)', receiver.name);
    elsif receiver.fault is not null then
        verdict := 'held';
        reason := 'the endpoint has a fault: ' || receiver.fault;
        fix := 'mend it; what is held is sent then';
    elsif model.application <> '' and predicate is null then
        verdict := 'depends';
        reason := format('%I says whose the row is, and there is none', model.application);
    elsif answer.verdict is not null then
        verdict := answer.verdict;
        reason := 'the endpoint''s condition ' || answer.reason;
    else
        verdict := 'sent';
        reason := 'as ' || event_type
            || case when event = 'updated' then coalesce((
                   select ', if one of these changes: ' || string_agg(f.field, ', ' order by f.place)
                   from   walhook.shown_fields(model, receiver) as f), '') else '' end
            || case when receiver.exclude_origins <> '{}' then format(', unless handlers of %s made the change', receiver.exclude_origins) else '' end;
    end if;
end
$$;
comment on function walhook.fate_of_event(walhook.endpoint, walhook.model, text, text, text) is 'Whether a receiver, the endpoint, gets a change of the kind event to the row of the model that the predicate on r finds, as this event_type, and why not. A null predicate means no row.';
revoke all on function walhook.fate_of_event(walhook.endpoint, walhook.model, text, text, text) from public;
