-- Why:   applications, endpoints, models and event types are configured in SQL.
-- Locks: walhook.endpoint and walhook.pending exclusively for a moment; nothing is rewritten.
-- By hand: psql -1 -f this file.

create table walhook.application (
    name       text        not null,
    admin_role name        collate "C",
    key        text,
    models     text[]      not null default '{}',
    owner      text,
    managed_by text        not null default 'sql',
    created_by name        not null default session_user,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint application_pkey primary key (name),
    constraint application_managed_by_is_known check (managed_by in ('config', 'sql'))
);
create unique index application_key_key on walhook.application (key) where key is not null;
comment on table walhook.application is 'Tenants: whose endpoints are whose.';
comment on column walhook.application.name is '1 to 63 of A-Z, a-z, 0-9, _, . and -; default always exists.';
comment on column walhook.application.admin_role is 'Its members see and manage the application''s endpoints, logs and alerts, and nothing else.';
comment on column walhook.application.key is 'Value of a model''s application column that means this tenant; null: no row is its own.';
comment on column walhook.application.models is 'Globs over model labels and custom event types that its endpoints may receive at all; {*} is everything.';
comment on column walhook.application.owner is 'Who is named as a recipient of its alerts.';
comment on column walhook.application.managed_by is 'config: lives in config.toml; sql: here.';
comment on column walhook.application.created_by is 'Who made it.';
comment on column walhook.application.created_at is 'When.';
comment on column walhook.application.updated_at is 'When this row last changed.';
insert into walhook.application (name, models) values ('default', '{*}');

alter table walhook.endpoint
    alter column id set default gen_random_uuid(),
    alter column managed_by set default 'sql',
    alter column method drop not null,
    alter column method drop default,
    alter column signature drop not null,
    alter column signature drop default,
    add column signed                boolean     not null default false,
    add column enabled               boolean     not null default true,
    add column events                text[],
    add column include_models        text[],
    add column exclude_models        text[],
    add column include_fields        jsonb,
    add column exclude_fields        jsonb,
    add column redact_fields         jsonb,
    add column exclude_origins       text[],
    add column condition             text,
    add column transform             text,
    add column headers               jsonb,
    add column auth                  jsonb,
    add column tls                   jsonb,
    add column timeout               interval,
    add column retry                 jsonb,
    add column ordering              text,
    add column max_in_flight         integer,
    add column rate_limit_per_second integer,
    add column failure_rest          interval[],
    add column alert_after           integer[],
    add column disable_after         integer,
    add column disable_min_duration  interval,
    add column fault                 text,
    add column created_by            name        not null default session_user,
    add column active_from           pg_lsn,
    add constraint endpoint_managed_by_is_known check (managed_by in ('config', 'sql'));
-- The file's endpoints of a former version are active already.
update walhook.endpoint set active_from = '0/0';
create index endpoint_application_idx on walhook.endpoint (application);
comment on table walhook.endpoint is 'Receivers of webhooks: settings, and how they fare. Settings that are null are as [delivery] in config.toml says, else as built in.';
comment on column walhook.endpoint.url is 'Where deliveries go: https, or http where [security] allow_http is on. User info becomes Basic auth and is taken out.';
comment on column walhook.endpoint.method is 'POST, PUT or PATCH.';
comment on column walhook.endpoint.signature is 'Signature profiles: x-webhook, standard, body, x-signature.';
comment on column walhook.endpoint.managed_by is 'config: settings live in config.toml and are shown here; sql: they live here.';
comment on column walhook.endpoint.signed is 'Whether it has a secret; see set_secret and rotate_secret.';
comment on column walhook.endpoint.enabled is 'False: no deliveries are made for what happens meanwhile; to keep them, pause.';
comment on column walhook.endpoint.events is 'created, updated, deleted, truncated, custom, or globs over types: order.created, order.*, *.created, *.';
comment on column walhook.endpoint.include_models is 'Globs over model labels; empty = all.';
comment on column walhook.endpoint.exclude_models is 'Globs over model labels.';
comment on column walhook.endpoint.include_fields is 'The only fields shown: a list, or lists by label: {"store.Order": ["id", "status"]}; * is every model.';
comment on column walhook.endpoint.exclude_fields is 'Fields never shown; as include_fields.';
comment on column walhook.endpoint.redact_fields is 'Replacement texts: {"store.Customer": {"email": "***"}}.';
comment on column walhook.endpoint.exclude_origins is 'Inbound sources whose handlers'' changes are not sent; * is all.';
comment on column walhook.endpoint.condition is 'SQL boolean expression over new, old and event that a change must meet.';
comment on column walhook.endpoint.transform is 'MiniJinja template over the payload that makes the body.';
comment on column walhook.endpoint.headers is 'Custom headers: {"X-API-Key": "…"}. Values are taken out on writing and read back as ***; writing *** keeps them.';
comment on column walhook.endpoint.auth is '{"type": "basic" | "bearer" | "oauth2", …}. Secrets are taken out on writing and read back as ***; writing *** keeps them.';
comment on column walhook.endpoint.tls is 'Files on the daemon''s machine: {"ca_file": …, "cert_file": …, "key_file": …}; for walhook_admin alone.';
comment on column walhook.endpoint.timeout is 'One deadline over DNS, connect, TLS, headers and body.';
comment on column walhook.endpoint.retry is '{"schedule": ["1m", "5m"], "jitter": 0.1, "retry_on_status": []}.';
comment on column walhook.endpoint.ordering is 'key, endpoint or none: what must not overtake what.';
comment on column walhook.endpoint.max_in_flight is 'Most requests at a time, 1 to 512.';
comment on column walhook.endpoint.rate_limit_per_second is 'Attempts a second; 0 = no limit.';
comment on column walhook.endpoint.failure_rest is 'Rest after the k-th consecutive failure; the last value repeats.';
comment on column walhook.endpoint.alert_after is 'Consecutive failures at which an alert is raised.';
comment on column walhook.endpoint.disable_after is 'Consecutive failures that disable it; 0 = never.';
comment on column walhook.endpoint.disable_min_duration is 'And how long it must have been failing by then.';
comment on column walhook.endpoint.fault is 'What the daemon found wrong with the settings; while there is something its events are held.';
comment on column walhook.endpoint.created_by is 'Who made it.';
comment on column walhook.endpoint.active_from is 'Position in the WAL from which it gets events: that of the commit that made it. Null until the daemon has read it.';

create table walhook.endpoint_secret (
    id          bigint      generated always as identity,
    endpoint_id uuid        not null,
    purpose     text        not null,
    name        text        not null default '',
    value       text        not null,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz,

    constraint endpoint_secret_pkey primary key (id),
    constraint endpoint_secret_endpoint_fkey foreign key (endpoint_id) references walhook.endpoint (id)
        -- The secrets of an endpoint are kept before its row is there.
        on delete cascade deferrable initially deferred,
    constraint endpoint_secret_purpose_is_known check (purpose in ('signing', 'header', 'auth')),
    constraint endpoint_secret_not_empty check (value <> '')
);
create index endpoint_secret_endpoint_idx on walhook.endpoint_secret (endpoint_id);
create unique index endpoint_secret_name_key on walhook.endpoint_secret (endpoint_id, purpose, name) where purpose <> 'signing';
comment on table walhook.endpoint_secret is 'Secrets of endpoints that live in SQL. Nobody but the daemon''s role may read it.';
comment on column walhook.endpoint_secret.id is 'Identity; of signing secrets the newest signs first.';
comment on column walhook.endpoint_secret.endpoint_id is 'Whose it is.';
comment on column walhook.endpoint_secret.purpose is 'signing, header or auth.';
comment on column walhook.endpoint_secret.name is 'Header''s name in lower case, or member of auth.';
comment on column walhook.endpoint_secret.value is 'The secret.';
comment on column walhook.endpoint_secret.created_at is 'When it was set.';
comment on column walhook.endpoint_secret.expires_at is 'Until when it signs besides the newest; null = for ever.';

create table walhook.model (
    label         text        not null,
    relation      regclass    not null,
    events        text[]      not null default '{created,updated,deleted}',
    enabled       boolean     not null default true,
    event_prefix  text,
    user_columns  jsonb       not null default '{}',
    old_values    boolean     not null default true,
    condition     text,
    application   text,
    fault         text,
    managed_by    text        not null default 'sql',
    created_by    name        not null default session_user,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    active_from   pg_lsn,

    constraint model_pkey primary key (label),
    constraint model_relation_key unique (relation),
    constraint model_managed_by_is_known check (managed_by in ('config', 'sql'))
);
comment on table walhook.model is 'Tables that make events, under the name that payloads know them by. See watch and unwatch.';
comment on column walhook.model.label is 'app.Name.';
comment on column walhook.model.relation is 'The table; changes in partitions belong to their root.';
comment on column walhook.model.events is 'What makes events: created, updated, deleted, truncated.';
comment on column walhook.model.enabled is 'False: no events.';
comment on column walhook.model.event_prefix is 'order in order.created; null = snake_case of Name.';
comment on column walhook.model.user_columns is 'Members of the payload''s user and the columns that hold them: {"id": "updated_by"}; used where the transaction names nobody.';
comment on column walhook.model.old_values is 'Whether watch sets replica identity full, so that updates and deletes carry the old row.';
comment on column walhook.model.condition is 'SQL boolean expression over new, old and event that a change must meet.';
comment on column walhook.model.application is 'Column that names the row''s tenant (application.key): its rows go only to that application''s endpoints.';
comment on column walhook.model.fault is 'What the daemon found wrong; while there is something the table''s events are held.';
comment on column walhook.model.managed_by is 'config: lives in config.toml and is shown here; sql: here.';
comment on column walhook.model.created_by is 'Who made it.';
comment on column walhook.model.created_at is 'When.';
comment on column walhook.model.updated_at is 'When this row last changed.';
comment on column walhook.model.active_from is 'Position in the WAL from which it makes events. Null until the daemon has read it.';

create table walhook.event_type (
    name        text        not null,
    model       text        not null,
    on_events   text[]      not null default '{created,updated,deleted}',
    condition   text,
    fault       text,
    managed_by  text        not null default 'sql',
    created_by  name        not null default session_user,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    active_from pg_lsn,

    constraint event_type_pkey primary key (name),
    constraint event_type_managed_by_is_known check (managed_by in ('config', 'sql'))
);
create index event_type_model_idx on walhook.event_type (model);
comment on table walhook.event_type is 'Derived events: sent besides the change''s own event when the condition is met.';
comment on column walhook.event_type.name is 'As in inventory.low_stock.';
comment on column walhook.event_type.model is 'Label of the model whose changes cause it.';
comment on column walhook.event_type.on_events is 'Which of its changes: created, updated, deleted, truncated.';
comment on column walhook.event_type.condition is 'SQL boolean expression over new, old and event; null = always.';
comment on column walhook.event_type.fault is 'What the daemon found wrong; while there is something it is not sent.';
comment on column walhook.event_type.managed_by is 'config: lives in config.toml and is shown here; sql: here.';
comment on column walhook.event_type.created_by is 'Who made it.';
comment on column walhook.event_type.created_at is 'When.';
comment on column walhook.event_type.updated_at is 'When this row last changed.';
comment on column walhook.event_type.active_from is 'Position in the WAL from which it is sent. Null until the daemon has read it.';

create table walhook.operation (
    id      bigint      generated always as identity,
    at      timestamptz not null default clock_timestamp(),
    actor   name        not null default session_user,
    action  text        not null,
    target  text        not null,
    details jsonb       not null default '{}',

    constraint operation_pkey primary key (id)
);
comment on table walhook.operation is 'Who did what. Read it through operation_log.';
comment on column walhook.operation.id is 'Identity.';
comment on column walhook.operation.at is 'When.';
comment on column walhook.operation.actor is 'The session''s user.';
comment on column walhook.operation.action is 'The function called, or insert, update or delete of a table.';
comment on column walhook.operation.target is 'Endpoint, model, event type, application or delivery.';
comment on column walhook.operation.details is 'What else was said; never a secret.';

alter table walhook.pending
    add column is_cancelled boolean not null default false;
comment on column walhook.pending.is_cancelled is 'Somebody cancelled it: the daemon ends it as soon as it is its turn.';

create table walhook.installation (
    slot        text not null,
    publication text not null,

    constraint installation_pkey primary key (slot)
);
comment on table walhook.installation is 'What walhook init has set up: watch and unwatch change these publications.';
comment on column walhook.installation.slot is 'Replication slot.';
comment on column walhook.installation.publication is 'Its publication.';
