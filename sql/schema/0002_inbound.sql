-- Why:   providers' webhooks, stored once and handled once.
-- Locks: new objects, and a comment on walhook's own alerts; nothing of the application is touched.
-- By hand: psql -1 -f this file, in a database that is at version 1.

create table walhook.inbound_event (
    id            bigint      generated always as identity,
    source        text        not null collate "C",
    event_id      text        not null collate "C",
    event_type    text        collate "C",
    payload       jsonb,
    raw           bytea,
    body_sha256   text        not null,
    headers       jsonb       not null default '{}',
    status        text        not null collate "C",
    error_message text,
    attempts      integer     not null default 0,
    next_retry_at timestamptz,
    received_at   timestamptz not null default now(),
    processed_at  timestamptz,
    times_seen    bigint      not null default 1,
    last_seen_at  timestamptz not null default now(),
    failed_at     timestamptz,
    claimed_by    bigint,

    constraint inbound_event_pkey primary key (id),
    constraint inbound_event_once_per_source unique (source, event_id),
    constraint inbound_event_status_is_known check (status in ('received', 'processed', 'failed', 'ignored')),
    constraint inbound_event_failed_has_message check (status <> 'failed' or error_message is not null),
    constraint inbound_event_processed_has_time check ((status = 'processed') = (processed_at is not null)),
    constraint inbound_event_counts_not_negative check (attempts >= 0 and times_seen >= 1)
) with (
    -- Each event is updated twice soon after it came, the first time in place if there is room.
    fillfactor = 90,
    -- Payload and bytes of a small body stay as they are: to compress them would take the writer
    -- longer than everything else about a row.
    toast_tuple_target = 4096,
    autovacuum_vacuum_scale_factor = 0.05
);
-- What is due, by source: events of a source that left the configuration wait out of the way.
create index inbound_event_due_idx on walhook.inbound_event (source, coalesce(next_retry_at, received_at), id)
    where status = 'received' or (status = 'failed' and next_retry_at is not null);
-- No index begins with source but the one that is unique: a plan that was made for an empty table
-- could take it for the way to one event, and read all events of the source for each.
create index inbound_event_kept_idx on walhook.inbound_event (received_at)
    where payload is not null or raw is not null;
create index inbound_event_failed_idx on walhook.inbound_event (failed_at) where failed_at is not null;
comment on table walhook.inbound_event is 'Events that providers posted, each once. Handlers get rows of this table.';
comment on column walhook.inbound_event.id is 'Identity, for retry_inbound.';
comment on column walhook.inbound_event.source is 'The source that it was posted to, as in /webhooks/source.';
comment on column walhook.inbound_event.event_id is 'The provider''s id, or sha256: and the digest of the body or item.';
comment on column walhook.inbound_event.event_type is 'The provider''s type; null where it gives none.';
comment on column walhook.inbound_event.payload is 'The event as JSON; null if jsonb cannot hold it (see raw), and after the retention.';
comment on column walhook.inbound_event.raw is 'The request''s body to the byte, of a batch the item''s bytes; null after the retention.';
comment on column walhook.inbound_event.body_sha256 is 'Hex SHA-256 of the request''s whole body.';
comment on column walhook.inbound_event.headers is 'Headers of the request that are kept; no credentials.';
comment on column walhook.inbound_event.status is 'received: handlers are to run; processed: they have; failed: one raised an error; ignored: nobody wants it.';
comment on column walhook.inbound_event.error_message is 'What the last run raised; null once processed.';
comment on column walhook.inbound_event.attempts is 'Runs of its handlers, counted when they begin.';
comment on column walhook.inbound_event.next_retry_at is 'When a failed one runs again; null = not by itself.';
comment on column walhook.inbound_event.received_at is 'When it was stored, before the provider was answered.';
comment on column walhook.inbound_event.processed_at is 'When its handlers had run.';
comment on column walhook.inbound_event.times_seen is 'How often the provider sent it, the first time included.';
comment on column walhook.inbound_event.last_seen_at is 'When the provider sent it last.';
comment on column walhook.inbound_event.failed_at is 'When a run failed last.';
comment on column walhook.inbound_event.claimed_by is 'The processor that runs its handlers now: key of the advisory lock which it holds for as long as it lives.';

create table walhook.inbound_handler (
    source        text        not null collate "C",
    pattern       text        not null collate "C",
    handler       text        not null collate "C",
    owner         text        not null,
    -- The glob as a pattern of LIKE. E'' reads the same whatever standard_conforming_strings says.
    like_pattern  text        collate "C" generated always as (
        replace(replace(replace(replace(pattern, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%')
    ) stored,
    registered_by text        not null default session_user,
    registered_at timestamptz not null default now(),

    constraint inbound_handler_pkey primary key (source, pattern, handler),
    constraint inbound_handler_pattern_not_empty check (pattern <> '')
);
comment on table walhook.inbound_handler is 'Which function handles which events: see on_inbound and off_inbound.';
comment on column walhook.inbound_handler.source is 'The source.';
comment on column walhook.inbound_handler.pattern is 'Event types: * stands for any characters, dots too; everything else for itself.';
comment on column walhook.inbound_handler.handler is 'The function as regprocedure spells it. A text, since pg_upgrade refuses the oid, and so that a function that its owner drops and makes again stays a handler.';
comment on column walhook.inbound_handler.owner is 'Whose the function was; a function of that name that is somebody else''s does not run.';
comment on column walhook.inbound_handler.like_pattern is 'The pattern for LIKE.';
comment on column walhook.inbound_handler.registered_by is 'Who registered it.';
comment on column walhook.inbound_handler.registered_at is 'When.';

create table walhook.inbound_mapping (
    source        text        not null collate "C",
    table_schema  text        not null,
    table_name    text        not null,
    columns       jsonb       not null,
    like_patterns text[]      not null collate "C",
    conflict      text[]      not null,
    on_conflict   text        not null,
    changed_at    timestamptz not null default now(),

    constraint inbound_mapping_pkey primary key (source),
    constraint inbound_mapping_on_conflict_is_known check (on_conflict in ('nothing', 'update'))
);
comment on table walhook.inbound_mapping is 'The [inbound.sources.X.into] of config.toml, as the daemon last loaded them.';
comment on column walhook.inbound_mapping.source is 'The source.';
comment on column walhook.inbound_mapping.table_schema is 'Schema of the business table.';
comment on column walhook.inbound_mapping.table_name is 'Its name.';
comment on column walhook.inbound_mapping.columns is 'For each column its name and a path, a value or a SQL expression.';
comment on column walhook.inbound_mapping.like_patterns is 'Event types that it takes, for LIKE; empty = all.';
comment on column walhook.inbound_mapping.conflict is 'Columns of the unique constraint; empty = a plain insert.';
comment on column walhook.inbound_mapping.on_conflict is 'nothing: a row that is there stays; update: it takes the event''s values.';
comment on column walhook.inbound_mapping.changed_at is 'When the daemon last changed it.';

create table walhook.inbound_rejection (
    id           bigint      generated always as identity,
    at           timestamptz not null default now(),
    source       text        not null collate "C",
    reason       text        not null collate "C",
    skew_seconds bigint,
    header_names text[]      not null,
    body_bytes   bigint      not null,
    body_sha256  text        not null,

    constraint inbound_rejection_pkey primary key (id)
);
create index inbound_rejection_time_idx on walhook.inbound_rejection (at);
comment on table walhook.inbound_rejection is 'Requests that were not taken, all or a sample: [inbound] log_rejections. Never a body.';
comment on column walhook.inbound_rejection.id is 'Identity.';
comment on column walhook.inbound_rejection.at is 'When it was written.';
comment on column walhook.inbound_rejection.source is 'The source that it was posted to.';
comment on column walhook.inbound_rejection.reason is 'Code of the reason, as in bad_signature.';
comment on column walhook.inbound_rejection.skew_seconds is 'The request''s timestamp minus our clock, in seconds, where it had one.';
comment on column walhook.inbound_rejection.header_names is 'Names of its headers.';
comment on column walhook.inbound_rejection.body_bytes is 'Length of its body.';
comment on column walhook.inbound_rejection.body_sha256 is 'Hex SHA-256 of its body.';

create table walhook.inbound_token (
    source   text        not null collate "C",
    token    text        not null collate "C",
    event_id text        not null collate "C",
    at       timestamptz not null default now(),

    constraint inbound_token_pkey primary key (source, token)
);
comment on table walhook.inbound_token is 'Values that a provider uses once, and the event they came with: with another event they are a replay.';
comment on column walhook.inbound_token.source is 'The source.';
comment on column walhook.inbound_token.token is 'The value.';
comment on column walhook.inbound_token.event_id is 'Event id of the request that it came in.';
comment on column walhook.inbound_token.at is 'When it came first.';

comment on column walhook.alert.kind is 'consecutive_failures, endpoint_disabled, endpoint_recovered, gap, column_missing, inbound_errors and others.';
