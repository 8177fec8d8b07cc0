-- Why:   the queue, the log and the bookkeeping of one walhook installation.
-- Locks: new objects only; nothing of the application is touched.
-- By hand: psql -1 -f this file, after `create schema walhook`.

create table walhook.migration (
    version    integer     not null,
    applied_at timestamptz not null default now(),

    constraint migration_pkey primary key (version)
);
comment on table walhook.migration is 'Schema versions that walhook init has applied.';
comment on column walhook.migration.version is 'Number of the file in sql/schema.';
comment on column walhook.migration.applied_at is 'When it was applied.';

create table walhook.endpoint (
    id                   uuid        not null,
    name                 text        not null,
    application          text        not null default 'default',
    url                  text        not null,
    method               text        not null default 'POST',
    signature            text[]      not null default '{}',
    managed_by           text        not null default 'config',
    state                text        not null default 'active',
    disabled_reason      text,
    consecutive_failures integer     not null default 0,
    failing_since        timestamptz,
    fare_version         bigint      not null default 0,
    created_at           timestamptz not null default now(),
    updated_at           timestamptz not null default now(),
    removed_at           timestamptz,

    constraint endpoint_pkey primary key (id),
    constraint endpoint_state_is_known check (state in ('active', 'paused', 'disabled')),
    constraint endpoint_disabled_has_reason check ((state = 'disabled') = (disabled_reason is not null)),
    constraint endpoint_failures_not_negative check (consecutive_failures >= 0)
);
create unique index endpoint_name_key on walhook.endpoint (name) where removed_at is null;
comment on table walhook.endpoint is 'Receivers of webhooks, as the daemon last loaded them, and how they fare.';
comment on column walhook.endpoint.id is 'Identity in the log and the queue; for an endpoint of config.toml a function of its name.';
comment on column walhook.endpoint.name is 'Unique among endpoints that are not removed.';
comment on column walhook.endpoint.application is 'The tenant it belongs to.';
comment on column walhook.endpoint.url is 'Where deliveries go; without user info, query values masked.';
comment on column walhook.endpoint.method is 'POST, PUT or PATCH.';
comment on column walhook.endpoint.signature is 'Signature profiles; empty = unsigned.';
comment on column walhook.endpoint.managed_by is 'config: settings live in config.toml.';
comment on column walhook.endpoint.state is 'active, paused or disabled; the latter two hold their events.';
comment on column walhook.endpoint.disabled_reason is 'Why it is disabled: gone (it answered 410) or failures.';
comment on column walhook.endpoint.consecutive_failures is 'Failed attempts since the last success; requests in flight together count once.';
comment on column walhook.endpoint.failing_since is 'Time of the first of them; null while it succeeds.';
comment on column walhook.endpoint.fare_version is 'How often the daemon wrote how it fares; tells an operator''s change of state from the daemon''s own.';
comment on column walhook.endpoint.created_at is 'When the daemon first saw it.';
comment on column walhook.endpoint.updated_at is 'When this row last changed.';
comment on column walhook.endpoint.removed_at is 'When it left the configuration; the row stays for the log.';

create table walhook.owner (
    slot     text        not null,
    epoch    bigint      not null,
    host     text        not null,
    pid      integer     not null,
    taken_at timestamptz not null default now(),

    constraint owner_pkey primary key (slot)
);
comment on table walhook.owner is 'Which daemon holds a slot. Every write of the log checks the epoch, so a daemon that lost the slot cannot write.';
comment on column walhook.owner.slot is 'Replication slot.';
comment on column walhook.owner.epoch is 'Increased each time the slot is taken.';
comment on column walhook.owner.host is 'Host name of the holder.';
comment on column walhook.owner.pid is 'Its process id there.';
comment on column walhook.owner.taken_at is 'When it took the slot.';

create table walhook.checkpoint (
    slot              text        not null,
    flush             bigint      not null,
    system_identifier text        not null,
    timeline          integer     not null,
    commit_lsn        pg_lsn      not null,
    ordinal           bigint      not null,
    confirmed_lsn     pg_lsn      not null,
    replay_floor      uuid        not null,
    at                timestamptz not null default now(),

    constraint checkpoint_pkey primary key (slot, flush)
);
comment on table walhook.checkpoint is 'How far everything is settled. Inserted, never updated: an updated row slows down under one old snapshot.';
comment on column walhook.checkpoint.slot is 'Replication slot.';
comment on column walhook.checkpoint.flush is 'Number of the ledger flush; the newest counts.';
comment on column walhook.checkpoint.system_identifier is 'Identity of the cluster.';
comment on column walhook.checkpoint.timeline is 'Timeline of the cluster.';
comment on column walhook.checkpoint.commit_lsn is 'Watermark: commit LSN up to which all deliveries are settled.';
comment on column walhook.checkpoint.ordinal is 'Watermark: last settled change inside that transaction.';
comment on column walhook.checkpoint.confirmed_lsn is 'Last LSN reported to PostgreSQL as flushed.';
comment on column walhook.checkpoint.replay_floor is 'No delivery beyond the watermark has a smaller id.';
comment on column walhook.checkpoint.at is 'When it was written.';

create table walhook.attempt (
    delivery_id      uuid        not null,
    attempt          integer     not null,
    endpoint_id      uuid        not null,
    commit_lsn       pg_lsn      not null,
    ordinal          bigint      not null,
    event_id         text        not null collate "C",
    event_type       text        not null collate "C",
    outcome          text        not null collate "C",
    committed_at     timestamptz not null,
    started_at       timestamptz not null,
    duration_us      bigint      not null,
    status_code      integer,
    error_class      text        collate "C",
    error_message    text,
    signature        text,
    response_headers text,
    response_body    text,
    payload          bytea,

    constraint attempt_pkey primary key (delivery_id, attempt)
) partition by range (delivery_id);
create index attempt_event_idx on walhook.attempt (event_id);
create index attempt_endpoint_time_idx on walhook.attempt (endpoint_id, started_at);
comment on table walhook.attempt is 'Every attempt of every delivery, append-only, one partition a commit day (UTC). Read it through webhook_log and webhook_attempt.';
comment on column walhook.attempt.delivery_id is 'The delivery; begins with the commit time in ms, which is what the partitions go by.';
comment on column walhook.attempt.attempt is 'From 1; -1 - n where a delivery ended after n attempts without another.';
comment on column walhook.attempt.endpoint_id is 'The receiver.';
comment on column walhook.attempt.commit_lsn is 'Commit LSN of the change.';
comment on column walhook.attempt.ordinal is 'Ordinal of the change in its transaction.';
comment on column walhook.attempt.event_id is 'The event: evt_ and 26 characters.';
comment on column walhook.attempt.event_type is 'As in order.updated.';
comment on column walhook.attempt.outcome is 'success, failed or cancelled end the delivery; retrying does not; superseded was final before a redelivery.';
comment on column walhook.attempt.committed_at is 'Commit time of the change.';
comment on column walhook.attempt.started_at is 'When the attempt began.';
comment on column walhook.attempt.duration_us is 'Microseconds from its begin to its outcome.';
comment on column walhook.attempt.status_code is 'HTTP status, if an answer came.';
comment on column walhook.attempt.error_class is 'dns, connect, timeout, tls, reset, protocol, blocked_address, http_status, auth, template or condition; null for a 2xx.';
comment on column walhook.attempt.error_message is 'What went wrong.';
comment on column walhook.attempt.signature is 'The signature as sent; the other request headers follow from the row.';
comment on column walhook.attempt.response_headers is 'JSON object, secrets masked.';
comment on column walhook.attempt.response_body is 'Its beginning, as text.';
comment on column walhook.attempt.payload is 'The body as sent, on the row that ends the delivery.';

-- For events whose commit day has no partition: a clock set wrong, or WAL older than a week.
create table walhook.attempt_default partition of walhook.attempt default;

create table walhook.failed_attempt (
    like walhook.attempt including defaults including constraints including indexes including comments
);
comment on table walhook.failed_attempt is 'Attempts of finally failed deliveries whose day partition was dropped; kept longer than the rest.';

create table walhook.body (
    event_id text   not null collate "C",
    shape    bigint not null,
    body     bytea  not null,

    constraint body_pkey primary key (event_id, shape)
);
-- JSON of this size compresses little for its cost, and a parked body lives briefly.
alter table walhook.body alter column body set storage external;
comment on table walhook.body is 'Bodies of parked deliveries, once for each event and shape.';
comment on column walhook.body.event_id is 'The event.';
comment on column walhook.body.shape is 'Hash of the filters that made the body what it is.';
comment on column walhook.body.body is 'The bytes to sign and send.';

create table walhook.pending (
    delivery_id     uuid        not null,
    endpoint_id     uuid        not null,
    commit_lsn      pg_lsn      not null,
    ordinal         bigint      not null,
    event_id        text        not null collate "C",
    event_type      text        not null collate "C",
    committed_at    timestamptz not null,
    key_hash        bigint      not null,
    former_key_hash bigint      not null,
    shape           bigint      not null,
    bytes           integer     not null,
    state           text        not null collate "C",
    next_at         timestamptz,
    hold_reason     text,
    attempts        integer     not null default 0,
    charged         integer     not null default 0,
    version         integer     not null default 1,
    status_code     integer,
    error_message   text,
    parked_at       timestamptz not null default now(),

    constraint pending_pkey primary key (delivery_id),
    constraint pending_state_is_known check (state in ('ready', 'in_flight', 'retry', 'blocked', 'held')),
    constraint pending_retry_has_time check ((state = 'retry') = (next_at is not null)),
    constraint pending_held_has_reason check ((state = 'held') = (hold_reason is not null))
) with (
    -- A queue: most rows die young, so dead ones must go early.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);
create index pending_backlog_idx on walhook.pending (endpoint_id, commit_lsn, ordinal) where state = 'ready';
create index pending_due_idx on walhook.pending (endpoint_id, next_at) where state = 'retry';
create index pending_blocked_idx on walhook.pending (endpoint_id, key_hash, commit_lsn, ordinal)
    where state = 'blocked' or state = 'retry';
create index pending_former_blocked_idx on walhook.pending (endpoint_id, former_key_hash, commit_lsn, ordinal)
    where (state = 'blocked' or state = 'retry') and former_key_hash <> key_hash;
create index pending_event_idx on walhook.pending (event_id);
comment on table walhook.pending is 'Deliveries that could not be sent at once: retries, held events, and what a slow endpoint left behind.';
comment on column walhook.pending.delivery_id is 'The delivery.';
comment on column walhook.pending.endpoint_id is 'The receiver.';
comment on column walhook.pending.commit_lsn is 'Commit LSN of the change.';
comment on column walhook.pending.ordinal is 'Ordinal of the change in its transaction.';
comment on column walhook.pending.event_id is 'The event.';
comment on column walhook.pending.event_type is 'As in order.updated.';
comment on column walhook.pending.committed_at is 'Commit time of the change.';
comment on column walhook.pending.key_hash is 'Hash of model and primary key: deliveries of one key keep their order.';
comment on column walhook.pending.former_key_hash is 'The same of the key before the update; equal to key_hash where it did not change.';
comment on column walhook.pending.shape is 'Which body of the event, see walhook.body.';
comment on column walhook.pending.bytes is 'Size of the body.';
comment on column walhook.pending.state is 'ready: as soon as the endpoint takes it; in_flight: in the daemon''s memory; retry: at next_at; blocked: behind an earlier delivery of its key; held: see hold_reason.';
comment on column walhook.pending.next_at is 'When it is due, on PostgreSQL''s clock.';
comment on column walhook.pending.hold_reason is 'Why it is held.';
comment on column walhook.pending.attempts is 'Attempts made.';
comment on column walhook.pending.charged is 'Attempts that count against the retry schedule; throttled ones do not.';
comment on column walhook.pending.version is 'Increased by every change; who settles the row names the version it saw.';
comment on column walhook.pending.status_code is 'HTTP status of the last attempt.';
comment on column walhook.pending.error_message is 'What went wrong in the last attempt.';
comment on column walhook.pending.parked_at is 'When it came here.';

create table walhook.captured_column (
    relation oid      not null,
    attnum   smallint not null,
    name     text     not null,

    constraint captured_column_pkey primary key (relation, attnum)
);
comment on table walhook.captured_column is 'Columns of each captured table when it was last in order with the configuration: what a renamed column was called.';
comment on column walhook.captured_column.relation is 'Oid of the table.';
comment on column walhook.captured_column.attnum is 'Attribute number.';
comment on column walhook.captured_column.name is 'Its name then.';

create table walhook.alert (
    id              bigint      generated always as identity,
    at              timestamptz not null default now(),
    severity        text        not null,
    kind            text        not null,
    application     text,
    endpoint_name   text,
    count           integer,
    message         text        not null,
    details         jsonb       not null default '{}',
    recipients      text[]      not null default '{}',
    acknowledged_at timestamptz,

    constraint alert_pkey primary key (id),
    constraint alert_severity_is_known check (severity in ('info', 'warning', 'critical'))
);
comment on table walhook.alert is 'What an operator should know of.';
comment on column walhook.alert.id is 'Identity.';
comment on column walhook.alert.at is 'When it was raised.';
comment on column walhook.alert.severity is 'info, warning or critical.';
comment on column walhook.alert.kind is 'consecutive_failures, endpoint_disabled, endpoint_recovered, gap, column_missing and others.';
comment on column walhook.alert.application is 'The tenant concerned.';
comment on column walhook.alert.endpoint_name is 'The endpoint concerned.';
comment on column walhook.alert.count is 'How many, where the kind counts.';
comment on column walhook.alert.message is 'One sentence.';
comment on column walhook.alert.details is 'Facts for programs.';
comment on column walhook.alert.recipients is 'Who should be told.';
comment on column walhook.alert.acknowledged_at is 'Set it to mark the alert as seen.';
