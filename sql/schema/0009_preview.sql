-- Why:   what an endpoint would be sent of a row can be looked at without sending it.
-- Locks: none that anybody waits for.
-- By hand: psql -1 -f this file.

-- Not in the WAL: an answer that a crash takes away is asked for again.
create unlogged table walhook.preview_answer (
    asked       uuid        not null,
    place       integer     not null,
    endpoint_id uuid        not null,
    event       text,
    event_type  text,
    verdict     text,
    payload     bytea,
    reason      text,
    answered_at timestamptz not null default clock_timestamp(),

    constraint preview_answer_pkey primary key (asked, place),
    constraint preview_answer_verdict_known check (verdict in ('sent', 'held', 'fails'))
);
comment on table walhook.preview_answer is 'What the daemon answers to walhook.preview, which takes it away; what nobody took for a minute goes with the next answer.';
comment on column walhook.preview_answer.asked is 'Which call of preview it is for.';
comment on column walhook.preview_answer.place is 'Order; 0 is no event, and says that the answer is complete.';
comment on column walhook.preview_answer.endpoint_id is 'The receiver.';
comment on column walhook.preview_answer.event is 'Kind of change: created, updated or deleted.';
comment on column walhook.preview_answer.event_type is 'Type of the event.';
comment on column walhook.preview_answer.verdict is 'sent, held or fails; a paused endpoint is not looked at.';
comment on column walhook.preview_answer.payload is 'The body; null where there is none.';
comment on column walhook.preview_answer.reason is 'Why it is held or fails, or what is odd about the body.';
comment on column walhook.preview_answer.answered_at is 'When.';
alter table walhook.preview_answer enable row level security;

create sequence walhook.preview_bell;
comment on sequence walhook.preview_bell is 'Rung by walhook.preview: its question must be flushed for the daemon to read it, and unlike anything in a table this is seen before the transaction ends.';
