create or replace function walhook.preview(endpoint text, relation regclass, key jsonb)
returns table (event text, event_type text, verdict text, payload json, reason text, fix text)
language plpgsql
volatile
rows 5
-- As the caller: what may be seen of the table is theirs to see.
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    predicate text;
    captured  jsonb;
    asked     uuid;
    deadline  timestamptz;
    answers   walhook.preview_answer[];
    subject   walhook.model;
    receiver  walhook.endpoint := walhook.managed_endpoint(preview.endpoint);
    change    record;
    fate      record;
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        perform walhook.refuse('preview', format('a transaction that is %s would not see the daemon''s answer', current_setting('transaction_isolation')),
            'Call it outside, or in one that is read committed.');
    end if;
    if current_setting('transaction_read_only')::boolean then
        perform walhook.refuse('preview', 'a read-only transaction cannot ask the daemon', 'Call it on the primary, in a transaction that may write.');
    end if;
    select c.reason, c.fix into reason, fix from walhook.capture_fault(relation) as c;
    if reason is not null then
        verdict := 'not captured';
        return next;
        return;
    end if;
    predicate := walhook.row_of_key(relation, key);
    if predicate is null then
        verdict := 'no row';
        reason := format('%s has no row %s now, or none that you see', relation, key);
        return next;
        return;
    end if;
    captured := walhook.row_as_captured(relation, predicate);
    if captured is null then
        verdict := 'not captured';
        reason := 'the publication''s row filter leaves the row out';
        fix := 'select * from pg_publication_tables';
        return next;
        return;
    end if;
    reason := 'no daemon reads the slot ' || walhook.idle_slot();
    if reason is not null then
        verdict := 'waits';
        fix := 'walhook run';
        return next;
        return;
    end if;
    asked := walhook.ask_preview(preview.endpoint, captured);
    deadline := clock_timestamp() + interval '10 seconds';
    loop
        select array_agg(t order by t.place) into answers from walhook.take_preview(asked) as t;
        exit when answers is not null;
        if clock_timestamp() > deadline then
            verdict := 'waits';
            reason := 'the daemon has not answered in 10 s';
            fix := 'it may be behind: select * from walhook.replication_health';
            return next;
            return;
        end if;
        perform pg_sleep(0.05);
    end loop;
    select m.* into subject from walhook.captured_models() as m where m.relation = preview.relation;
    for change in
        select t.event as kind, t.event_type as name, t.derived, a.verdict as answer, a.payload as body, a.reason as remark
        from   walhook.events_of(subject) as t
        left   join unnest(answers) as a on a.event = t.event and a.event_type = t.event_type
        where  t.event <> 'truncated'
    loop
        event := change.kind;
        event_type := change.name;
        payload := convert_from(change.body, 'UTF8');
        select * into fate from walhook.fate_of_change(subject, change.derived, event, predicate);
        if fate.verdict is null or fate.verdict = 'depends' and change.answer is not null then
            select * into fate from walhook.fate_of_event(receiver, subject, event, event_type, predicate);
        end if;
        verdict := fate.verdict;
        reason := fate.reason;
        fix := fate.fix;
        if change.answer in ('held', 'fails') or change.answer = 'sent' and verdict in ('sent', 'depends') then
            verdict := change.answer;
            reason := coalesce(change.remark, case when event = 'updated' and payload is not null then 'changes is empty, since nothing has changed' end);
            fix := null;
        elsif change.answer is null and event <> 'created' and not captured @? '$.columns[*] ? (@.in_identity == true)' then
            verdict := 'not sent';
            reason := 'PostgreSQL refuses to update or delete rows of a published table without replica identity';
            fix := format('alter table %s replica identity full', relation);
        elsif change.answer is null and verdict = 'sent' then
            verdict := 'not sent';
            reason := 'the endpoint would see nothing of it';
        end if;
        return next;
    end loop;
end
$$;
comment on function walhook.preview(text, regclass, jsonb) is 'What this endpoint would be sent, after filters, redaction and its transform, if the row of the relation with this key, as in {"id": 42}, were created, updated or deleted as it is now, by the configuration that is committed. Nothing is sent; the event ids are made up. The daemon must be running; it answers within a second or so.';
revoke all on function walhook.preview(text, regclass, jsonb) from public;
