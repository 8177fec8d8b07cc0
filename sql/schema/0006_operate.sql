-- Why:   deliveries are cancelled and sent again from SQL; failures and alerts call SQL functions;
--        the log answers operators' questions in milliseconds however long it is.
-- Locks: walhook.attempt against writes while it gets its indexes, which reads the log twice; the
--        daemon waits meanwhile and loses nothing.
-- By hand: before this, for each partition of walhook.attempt, with create index concurrently, the
--        two indexes below; this file then takes them over.

-- For the newest deliveries, first of all questions. 70 bytes of WAL a row, and worth it: without,
-- the whole log is read and sorted.
create index attempt_final_idx on walhook.attempt (committed_at) where outcome in ('success', 'failed', 'cancelled');
-- Written for failures alone, so that the log costs no more where all is well.
create index attempt_failed_idx on walhook.attempt (endpoint_id, started_at) where outcome = 'failed';
create index failed_attempt_final_idx on walhook.failed_attempt (committed_at) where outcome in ('success', 'failed', 'cancelled');

alter table walhook.pending
    add column is_apart      boolean not null default false,
    add column cancel_reason text,
    add constraint pending_cancelled_has_reason check (is_cancelled = (cancel_reason is not null));
create index pending_cancelled_idx on walhook.pending (endpoint_id) where is_cancelled;
create index pending_age_idx on walhook.pending (committed_at);
comment on column walhook.pending.is_apart is 'It was asked for by hand and has no part in the order of its key.';
comment on column walhook.pending.cancel_reason is 'Who cancelled it, and how.';

create table walhook.failure (
    delivery_id uuid        not null,
    attempt     integer     not null,
    at          timestamptz not null default now(),
    call_at     timestamptz not null default now(),
    tries       integer     not null default 0,

    constraint failure_pkey primary key (delivery_id, attempt),
    constraint failure_tries_not_negative check (tries >= 0)
);
create index failure_due_idx on walhook.failure (call_at);
comment on table walhook.failure is 'Final failures that [delivery] failure_callback has not been told of. A row goes in the transaction of the call.';
comment on column walhook.failure.delivery_id is 'The delivery.';
comment on column walhook.failure.attempt is 'The attempt that was its last.';
comment on column walhook.failure.at is 'When it failed.';
comment on column walhook.failure.call_at is 'When the function is called, or called again; infinity = given up.';
comment on column walhook.failure.tries is 'How often it was called and raised an error.';

alter table walhook.alert
    add column call_at    timestamptz,
    add column call_tries integer     not null default 0;
-- Only now, so that the function is not told of what was raised before.
alter table walhook.alert
    alter column call_at set default now();
create index alert_call_idx on walhook.alert (call_at) where call_at is not null;
comment on column walhook.alert.call_at is 'When [alerts] callback is called with it, or called again; null = done. Alerts older than a day are left alone.';
comment on column walhook.alert.call_tries is 'How often it was called and raised an error.';
