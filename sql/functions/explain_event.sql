create or replace function walhook.explain_event(relation regclass, key jsonb)
returns table (endpoint_name text, event_type text, verdict text, reason text, fix text)
language plpgsql
stable
rows 20
-- As the caller: what may be seen of the table and of endpoints is theirs to see.
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    predicate text;
    subject   walhook.model;
    receiver  walhook.endpoint;
begin
    select c.reason, c.fix into reason, fix from walhook.capture_fault(relation) as c;
    if reason is not null then
        verdict := 'not captured';
        return next;
        return;
    end if;
    predicate := walhook.row_of_key(relation, key);
    if predicate is null then
        verdict := 'no row';
        reason := format('%s has no row %s now, or none that you see; what needs it is left open', relation, key);
        return next;
    end if;
    reason := 'no daemon reads the slot ' || walhook.idle_slot();
    if reason is not null then
        verdict := 'waits';
        reason := reason || ': changes stay in the WAL';
        fix := 'walhook run';
        return next;
    end if;
    select m.* into subject from walhook.captured_models() as m where m.relation = explain_event.relation;
    return query select f.* from walhook.fates_of_row(subject, predicate) as f;
    for receiver in select e.* from walhook.endpoint as e where e.removed_at is null order by e.name loop
        return query
            select receiver.name, d.event_type, d.status, d.reason, d.fix
            from   walhook.deliveries_of_row(subject.label, key, receiver) as d;
    end loop;
end
$$;
comment on function walhook.explain_event(regclass, jsonb) is
    'Why changes of a row do or do not reach endpoints: of the relation, the row with this key, as in {"id": 42}, as it is now. Verdicts for each event type and endpoint: sent, held, not sent, depends, fails, waits; no endpoint means all. Then the newest deliveries of the row, with their status.';
revoke all on function walhook.explain_event(regclass, jsonb) from public;
