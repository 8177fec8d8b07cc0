create or replace function walhook.fates_of_row(subject walhook.model, predicate text)
returns table (endpoint_name text, event_type text, verdict text, reason text, fix text)
language plpgsql
stable
rows 20
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    change   record;
    gate     record;
    receiver walhook.endpoint;
begin
    for change in select t.* from walhook.events_of(subject) as t where t.event <> 'truncated' loop
        select * into gate from walhook.fate_of_change(subject, change.derived, change.event, predicate);
        event_type := change.event_type;
        endpoint_name := null;
        if gate.verdict <> 'depends' then
            verdict := gate.verdict;
            reason := gate.reason;
            fix := gate.fix;
            return next;
            continue;
        end if;
        for receiver in select e.* from walhook.endpoint as e where e.removed_at is null order by e.name loop
            endpoint_name := receiver.name;
            select f.verdict, f.reason, f.fix
            into   verdict, reason, fix
            from   walhook.fate_of_event(receiver, subject, change.event, change.event_type, predicate) as f;
            if gate.verdict = 'depends' and verdict = 'sent' then
                verdict := gate.verdict;
                reason := gate.reason;
            end if;
            return next;
        end loop;
        if endpoint_name is null then
            verdict := 'not sent';
            reason := 'there is no endpoint';
            fix := 'select * from walhook.create_endpoint(''crm'', ''https://…'')';
            return next;
        end if;
    end loop;
end
$$;
comment on function walhook.fates_of_row(walhook.model, text) is 'What explain_event says of each change that the row of the subject, a model, which the predicate on r finds, could have; a null predicate means no row.';
revoke all on function walhook.fates_of_row(walhook.model, text) from public;
