create or replace function walhook.fate_of_change(
    model     walhook.model,
    derived   walhook.event_type,
    event     text,
    predicate text,
    out verdict text,
    out reason  text,
    out fix     text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    own     record;
    further record;
begin
    if not model.enabled then
        verdict := 'not sent';
        reason := format('the model %s has enabled = false', model.label);
        fix := walhook.how_to_set('model', model.label, model.managed_by, 'enabled', 'true');
    elsif event <> all (model.events) then
        verdict := 'not sent';
        reason := format('events = %s of the model %s does not name %s', model.events, model.label, event);
        fix := walhook.how_to_set('model', model.label, model.managed_by, 'events', format('events || %L', array[event]));
    elsif model.fault is not null then
        verdict := 'held';
        reason := format('the model %s has a fault: %s', model.label, model.fault);
        fix := 'mend it; what is held is sent then';
    elsif derived.fault is not null then
        verdict := 'not sent';
        reason := format('the event type %s has a fault: %s', derived.name, derived.fault);
        fix := 'mend it';
    elsif model.active_from is null or derived.name is not null and derived.active_from is null then
        verdict := 'waits';
        reason := format('the daemon has not read the %s yet', case when model.active_from is null then 'model ' || model.label else 'event type ' || derived.name end);
        fix := 'see that walhook run is up: select * from walhook.replication_health';
    end if;
    if verdict is not null then
        return;
    end if;
    select * into own from walhook.condition_answer(model.condition, model.relation, predicate, event);
    select * into further from walhook.condition_answer(derived.condition, model.relation, predicate, event);
    -- What is certain says more.
    if further.verdict is not null and (own.verdict is null or own.verdict = 'depends') then
        verdict := further.verdict;
        reason := format('the condition of the event type %s %s', derived.name, further.reason);
        fix := walhook.how_to_set('event_type', derived.name, derived.managed_by, 'condition', '''…''');
    elsif own.verdict is not null then
        verdict := own.verdict;
        reason := format('the condition of the model %s %s', model.label, own.reason);
        fix := walhook.how_to_set('model', model.label, model.managed_by, 'condition', '''…''');
    end if;
    if verdict = 'depends' then
        fix := null;
    end if;
end
$$;
comment on function walhook.fate_of_change(walhook.model, walhook.event_type, text, text) is 'Why a change of the kind event to the row that the predicate on r finds makes no event of the model, or of the event type derived from it (else null), whatever the endpoint. No verdict: it makes one.';
revoke all on function walhook.fate_of_change(walhook.model, walhook.event_type, text, text) from public;
