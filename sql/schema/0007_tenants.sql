-- Why:   members of an application's admin_role see and manage what is theirs, and nothing else.
-- Locks: walhook's own tables exclusively, each for a moment; nothing is rewritten.
-- By hand: psql -1 -f this file.
--
-- The owner, as whom the daemon writes, is bound by none of the policies; those of walhook_viewer
-- and walhook_admin are in sql/policies.sql. Here are everybody else's: the applications are looked
-- up once a statement, as an array, so that indexes on endpoint_id serve.

alter table walhook.operation
    add column application text;
create index operation_application_idx on walhook.operation (application, id);
comment on column walhook.operation.application is 'The tenant concerned; null where it concerns none or all.';

alter table walhook.application     enable row level security;
alter table walhook.endpoint        enable row level security;
-- Without a policy nobody but the owner gets a row, whatever is granted.
alter table walhook.endpoint_secret enable row level security;
alter table walhook.model           enable row level security;
alter table walhook.event_type      enable row level security;
alter table walhook.attempt         enable row level security;
alter table walhook.failed_attempt  enable row level security;
alter table walhook.pending         enable row level security;
alter table walhook.body            enable row level security;
alter table walhook.alert           enable row level security;
alter table walhook.operation       enable row level security;

-- A role that was dropped is nobody's; pg_has_role by name would fail for everybody.
create policy application_own on walhook.application
    for select using (pg_has_role(to_regrole(quote_ident(admin_role))::oid, 'usage'));

create policy endpoint_own on walhook.endpoint
    for select using (application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));
create policy endpoint_own_added on walhook.endpoint
    for insert with check (application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));
-- A removed endpoint's row stays as it is, for the log.
create policy endpoint_own_changed on walhook.endpoint
    for update using (removed_at is null and application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));
create policy endpoint_own_deleted on walhook.endpoint
    for delete using (removed_at is null and application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));

create policy model_receivable on walhook.model
    for select using (exists (
        select
        from   walhook.application as a
        cross  join unnest(a.models) as glob
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage')
        and    label like replace(replace(replace(replace(glob, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%')));

create policy event_type_receivable on walhook.event_type
    for select using (model in (select m.label from walhook.model as m));

create policy attempt_own on walhook.attempt
    for select using (endpoint_id = any (array(select e.id from walhook.endpoint as e)));
create policy failed_attempt_own on walhook.failed_attempt
    for select using (endpoint_id = any (array(select e.id from walhook.endpoint as e)));
create policy pending_own on walhook.pending
    for select using (endpoint_id = any (array(select e.id from walhook.endpoint as e)));
create policy body_own on walhook.body
    for select using (exists (
        select from walhook.pending as p where p.event_id = body.event_id and p.shape = body.shape));

create policy alert_own on walhook.alert
    for select using (application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));
create policy alert_own_acknowledged on walhook.alert
    for update using (application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));

create policy operation_own on walhook.operation
    for select using (application = any (array(
        select a.name from walhook.application as a
        where  pg_has_role(to_regrole(quote_ident(a.admin_role))::oid, 'usage'))));

comment on policy application_own on walhook.application is 'Members of its admin_role read an application.';
comment on policy endpoint_own on walhook.endpoint is 'Members of an application''s admin_role read its endpoints.';
comment on policy endpoint_own_added on walhook.endpoint is 'They add endpoints to it.';
comment on policy endpoint_own_changed on walhook.endpoint is 'They change its endpoints, and cannot move them to another application.';
comment on policy endpoint_own_deleted on walhook.endpoint is 'They delete its endpoints.';
comment on policy model_receivable on walhook.model is 'They read the models that application.models names.';
comment on policy event_type_receivable on walhook.event_type is 'They read the event types of models that they read.';
comment on policy attempt_own on walhook.attempt is 'They read the attempts of endpoints that they read.';
comment on policy failed_attempt_own on walhook.failed_attempt is 'They read the attempts of endpoints that they read.';
comment on policy pending_own on walhook.pending is 'They read the queue of endpoints that they read.';
comment on policy body_own on walhook.body is 'They read the bodies of deliveries that they read.';
comment on policy alert_own on walhook.alert is 'They read the application''s alerts.';
comment on policy alert_own_acknowledged on walhook.alert is 'They acknowledge the application''s alerts.';
comment on policy operation_own on walhook.operation is 'They read what was done to the application and its endpoints.';

comment on column walhook.application.admin_role is 'Its members see and manage the application''s endpoints, logs and alerts, and nothing else. Setting it grants the role what it needs; a former one loses it.';
comment on column walhook.endpoint.headers is 'Custom headers: {"X-API-Key": "…"}. Values are taken out on writing and read back as ***; writing *** keeps them, as long as the URL''s host stays the same.';
comment on column walhook.endpoint.auth is '{"type": "basic" | "bearer" | "oauth2", …}. Secrets are taken out on writing and read back as ***; writing *** keeps them, as long as the URL''s host and token_url stay the same.';
comment on column walhook.endpoint.retry is '{"schedule": ["1m", "5m"], "jitter": 0.1, "retry_on_status": []}; or, instead of schedule, max_retries, retry_delay, backoff_factor and max_delay.';
