//! Typical mistakes of a DBA: each gives an error that names the field and the fix, and leaves
//! nothing half-written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;

use support::inbound::installed;
use support::pg::{Database, Pg};

/// A shop with a watched table, an application, an endpoint and an event type.
const SHOP: &str = r#"
    create table orders (id int primary key, status text, total numeric, tenant text, updated_by text, event text);
    create table plain (id int primary key);
    create unlogged table fleeting (id int primary key);
    create table parted (id int primary key) partition by range (id);
    create table part_one partition of parted for values from (0) to (9);
    create view open_orders as select * from orders;
    select walhook.watch('orders', 'store.Order');
    select walhook.create_endpoint('crm', 'https://crm.example.com/hooks', headers => '{"X-Key": "s3cret"}');
    insert into walhook.event_type (name, model, condition) values ('order.large', 'store.Order', 'new.total > 1000');
"#;

/// The statement, the error and its hint. `SET` stands for an update of the endpoint.
const MISTAKES: &[(&str, &str, &str)] = &[
    // Endpoints: names and addresses.
    (
        "select walhook.create_endpoint('crm', 'https://x.example.com')",
        "name: another endpoint is called crm",
        "Give it a name of its own.",
    ),
    (
        "select walhook.create_endpoint('my crm', 'https://x.example.com')",
        "name: not a name for an endpoint",
        "name = 'crm'",
    ),
    (
        "select walhook.create_endpoint(null, 'https://x.example.com')",
        "name: not a name for an endpoint",
        "name = 'crm'",
    ),
    (
        "select walhook.create_endpoint('x', null)",
        "url: `url` is missing",
        "url = 'https://example.com/hooks'",
    ),
    (
        "select walhook.create_endpoint('x', 'crm.example.com/hooks')",
        "url: not an absolute URL",
        "url = 'https://example.com/hooks'",
    ),
    (
        "select walhook.create_endpoint('x', 'ftp://crm.example.com')",
        "url: neither http nor https",
        "url = 'https://example.com/hooks'",
    ),
    (
        "select walhook.create_endpoint('x', 'https://s3cret@crm.example.com:port/')",
        "url: not a URL: no host that can be called",
        "url = 'https://example.com/hooks'",
    ),
    (
        "select walhook.create_endpoint('x', 'https://crm.example.com:70000/')",
        "url: not a URL: invalid port number",
        "url = 'https://example.com/hooks'",
    ),
    (
        "select walhook.create_endpoint('x', 'https://crm.example.com/ hooks')",
        "url: white space around or inside the URL",
        "url = 'https://example.com/hooks'",
    ),
    (
        "select walhook.create_endpoint('x', 'https://crm.example.com/#a')",
        "url: a fragment is never sent",
        "Leave out what follows #.",
    ),
    (
        "select walhook.create_endpoint('x', 'https://x.example.com', 'acme')",
        "application: there is no application 'acme'",
        "select name from walhook.application shows them; leave it out for default.",
    ),
    ("SET method = 'GET'", "method: not one of the possible values", "method = 'POST'"),
    ("SET id = gen_random_uuid()", "id: an endpoint keeps its id", "Insert another endpoint."),
    // What it hears of.
    ("SET events = '{creatd}'", "events: not an event pattern", "Did you mean created?"),
    (
        "SET events = '{order}'",
        "events: not an event pattern",
        "Write order.* for every event of that name.",
    ),
    (
        "SET events = '{}'",
        "events: an endpoint without events hears nothing",
        "events = '{*}', or enabled = false",
    ),
    (
        "SET events = array['order.created,order.updated']",
        "events: a list in one string",
        "Write patterns as in '{order.*}', one in each element.",
    ),
    (
        "SET include_models = '{store.[A-Z]}'",
        "include_models: only `*` is special in a pattern",
        "Write patterns as in '{store.*}', one in each element.",
    ),
    ("SET exclude_models = array[null]", "exclude_models: null is in the list", "Leave it out."),
    (
        "SET include_fields = '{\"Order\": [\"id\"]}'",
        "include_fields: not a model's label",
        "Write store.Customer, or * for every model.",
    ),
    (
        "SET include_fields = '{\"store.Order\": \"id\"}'",
        "include_fields.store.Order: expected a list, found a string",
        "include_fields = '{\"store.Order\": [\"id\", \"status\"]}'",
    ),
    (
        "SET exclude_fields = '[\"card_*\"]'",
        "exclude_fields: not a field",
        "Write a column, or a dotted path into a json column as in profile.phone.",
    ),
    (
        "SET redact_fields = '{\"email\": \"***\"}'",
        "redact_fields: not a model's label",
        "Write store.Customer, or * for every model.",
    ),
    (
        "SET redact_fields = '{\"store.Order\": [\"email\"]}'",
        "redact_fields.store.Order: expected an object, found a list",
        "redact_fields = '{\"store.Customer\": {\"email\": \"***\"}}'",
    ),
    (
        "SET exclude_origins = '{Stripe}'",
        "exclude_origins: not the name of an inbound source",
        "Write the name in [inbound.sources.NAME], or * for every source.",
    ),
    // Conditions.
    (
        "SET condition = 'new.statsu = ''paid'''",
        "condition: on store.Order, column new.statsu does not exist",
        "Perhaps you meant to reference the column \"new.status\".",
    ),
    (
        "SET condition = 'status = ''paid'''",
        "condition: status is not supported",
        "If it is a column, write new.status or old.status; if not, do without it.",
    ),
    (
        "SET condition = 'new.total > ''much'''",
        "condition: on store.Order, invalid input syntax for type numeric: \"much\"",
        "Write a boolean expression of SQL; columns are new.… and old.…, as in new.status = 'paid'.",
    ),
    (
        "SET condition = 'new.total'",
        "condition: on store.Order, argument of WHERE must be type boolean, not type numeric",
        "Write a boolean expression of SQL; columns are new.… and old.…, as in new.status = 'paid'.",
    ),
    (
        "SET condition = 'new.status = ''paid'",
        "condition: ' is not supported",
        "Do without it; what needs it may go into a generated column.",
    ),
    (
        "SET condition = 'new.status = \"paid\"'",
        "condition: \"paid\" is not supported",
        "Do without it; what needs it may go into a generated column.",
    ),
    (
        "SET condition = 'new.status = '",
        "condition: on store.Order, syntax error at or near \")\"",
        "Write a boolean expression of SQL; columns are new.… and old.…, as in new.status = 'paid'.",
    ),
    (
        "SET condition = 'new.total > 1 and random() < 0.5'",
        "condition: random is not supported",
        "If it is a column, write new.random or old.random; if not, do without it.",
    ),
    // Headers, credentials, signatures.
    (
        "SET headers = '{\"X-Webhook-Id\": \"s3cret\"}'",
        "headers: the header \"X-Webhook-Id\" is reserved: walhook sets it",
        "Leave it out, or take another name.",
    ),
    (
        "SET headers = '{\"X Key\": \"s3cret\"}'",
        "headers: not a header's name",
        "Write it as in \"X-API-Key\".",
    ),
    (
        "SET headers = '{\"X-Key\": \"s3cret\\r\\n\"}'",
        "headers.X-Key: a line break in a header's value",
        "Write it in one line.",
    ),
    (
        "SET headers = '{\"X-Key\": 5}'",
        "headers.X-Key: expected a string, found a number",
        "Put it in double quotes.",
    ),
    (
        "SET headers = '{\"X-Key\": \"***\", \"X-Other\": \"***\"}'",
        "headers.X-Other: *** stands for the value that is kept, and none is kept for this host",
        "Give the value itself: what is kept is sent to no other host.",
    ),
    (
        "SET headers = jsonb_build_object('X-Key', repeat('s3cret', 1000))",
        "headers.X-Key: 6000 bytes in a header's value",
        "Shorten it.",
    ),
    (
        "SET auth = '{\"type\": \"basic\", \"username\": \"u\"}'",
        "auth: `password` is missing",
        "Add \"password\": \"…\".",
    ),
    (
        "SET auth = '{\"type\": \"bearer\", \"token\": \"s3cret\", \"username\": \"u\"}'",
        "auth: `username` does not belong to this type of auth",
        "Leave `username` out.",
    ),
    (
        "SET auth = '{\"type\": \"oauth\", \"token\": \"s3cret\"}'",
        "auth.type: not one of the possible values",
        "auth.type = 'oauth2'",
    ),
    (
        "SET auth = '{\"type\": \"bearer\", \"token\": \"s3cret two\"}'",
        "auth.token: not a bearer token",
        "Visible ASCII characters only, without spaces.",
    ),
    (
        "SET auth = '{\"type\": \"bearer\", \"token\": \"s3cret\"}', url = 'https://u:s3cret@crm.example.com', headers = null",
        "auth: the URL has user info as well",
        "Keep one of the two.",
    ),
    (
        "SET auth = '{\"type\": \"bearer\", \"tokn\": \"s3cret\"}'",
        "auth: unknown member \"tokn\"",
        "Did you mean \"token\"?",
    ),
    (
        "SET tls = '{\"cert_file\": \"/c.pem\"}'",
        "tls: a client certificate without its key",
        "Add \"key_file\": \"/path/to/key.pem\".",
    ),
    (
        "SET signature = '{x-webhook,body}'",
        "signature: `x-webhook` and `body` exclude each other: both set X-Webhook-Signature",
        "Keep one of the two.",
    ),
    (
        "SET signature = '{}'",
        "signature: secrets, but no profile to sign with",
        "signature = '{x-webhook,standard}'",
    ),
    (
        "select walhook.set_secret('crm', '')",
        "secret: it is empty",
        "Give at least 24 random bytes, or let rotate_secret make one.",
    ),
    (
        "select walhook.set_secret('crm', 'whsec_s3cret!')",
        "secret: what follows `whsec_` is not base64, which the profile `standard` needs",
        "Take a secret made with: echo whsec_$(openssl rand -base64 48)",
    ),
    (
        "select walhook.rotate_secret('crn')",
        "endpoint: there is no endpoint 'crn'",
        "select name from walhook.endpoint shows yours.",
    ),
    (
        "select walhook.rotate_secret('crm', interval '-1 day')",
        "grace: not between 0 and 365 days",
        "Write it as in interval '24 hours'.",
    ),
    // Numbers and durations.
    ("SET timeout = '2 hours'", "timeout: out of range", "timeout = interval '01:00:00'"),
    ("SET max_in_flight = -1", "max_in_flight: out of range", "max_in_flight = 1"),
    (
        "SET rate_limit_per_second = -5",
        "rate_limit_per_second: out of range",
        "rate_limit_per_second = 0",
    ),
    ("SET alert_after = '{0}'", "alert_after: out of range", "alert_after = 1"),
    (
        "SET failure_rest = '{}'",
        "failure_rest: without a rest a dead receiver is called without pause",
        "failure_rest = '{1s,10s,1min}'",
    ),
    (
        "SET retry = '{\"schedule\": [\"5\"]}'",
        "retry.schedule: a duration needs a unit",
        "Write \"5s\" for seconds.",
    ),
    (
        "SET retry = '{\"schedule\": \"5m\"}'",
        "retry.schedule: expected a list, found a string",
        "Put it in brackets: [ … ].",
    ),
    ("SET retry = '{\"retries\": 5}'", "retry: unknown member \"retries\"", "Leave it out."),
    (
        "SET retry = '{\"schedule\": [\"5m\"], \"max_retries\": 3}'",
        "retry: `schedule` and `max_retries` exclude each other",
        "Keep `schedule`, or keep `max_retries`, `retry_delay`, `backoff_factor`, `max_delay`.",
    ),
    (
        "SET retry = '{\"retry_on_status\": [200]}'",
        "retry.retry_on_status: not a failure, so it is never retried",
        "Leave 200 out.",
    ),
    (
        "SET retry = '{\"max_retries\": \"3\"}'",
        "retry.max_retries: expected a whole number, found a string",
        "Write one from 0 to 100, without quotes.",
    ),
    // Models, event types, applications, custom events.
    (
        "select walhook.watch('open_orders')",
        "relation: public.open_orders is not a table",
        "Watch the tables it reads from.",
    ),
    (
        "select walhook.watch('fleeting')",
        "relation: public.fleeting is unlogged or temporary, so that its changes are not in the WAL",
        "alter table public.fleeting set logged",
    ),
    (
        "select walhook.watch('part_one')",
        "relation: public.part_one is a partition",
        "Watch its root: select walhook.watch('public.parted').",
    ),
    (
        "select walhook.watch('pg_class')",
        "relation: pg_class is not the application's",
        "Watch a table of your own.",
    ),
    (
        "select walhook.watch('plain', 'store.Order')",
        "model: another table is called store.Order",
        "Choose another label, or unwatch that table.",
    ),
    (
        "select walhook.unwatch('plain')",
        "relation: public.plain is not watched",
        "select label, relation from walhook.model shows what is.",
    ),
    (
        "insert into walhook.model (label, relation) values ('Order', 'plain')",
        "label: not a model's label",
        "label = 'store.Order'",
    ),
    (
        "insert into walhook.model (label, relation) values ('store.Other', 'orders')",
        "relation: the table already has the model 'store.Order'",
        "Keep one of the two models.",
    ),
    (
        "insert into walhook.model (label, relation, events) values ('a.B', 'plain', '{insert}')",
        "events: not one of the possible values",
        "events = 'created'",
    ),
    (
        "update walhook.model set application = 'tennant'",
        "application: public.orders has no column 'tennant'",
        "Did you mean tenant?",
    ),
    (
        "update walhook.model set user_columns = '{\"id\": \"changed_by\"}'",
        "user_columns.id: public.orders has no column 'changed_by'",
        "Name a column as it is spelt in the table.",
    ),
    (
        "update walhook.model set condition = 'new.status is paid'",
        "condition: paid is not supported",
        "If it is a column, write new.paid or old.paid; if not, do without it.",
    ),
    (
        "insert into walhook.event_type (name, model) values ('order.created', 'store.Order')",
        "name: order.created is what changes of the model 'store.Order' are called already",
        "Give it a name of its own, as in inventory.low_stock.",
    ),
    (
        "insert into walhook.event_type (name, model) values ('order.vast', 'store.Ordre')",
        "model: there is no model 'store.Ordre'",
        "Did you mean store.Order?",
    ),
    (
        "insert into walhook.event_type (name, model) values ('lowstock', 'store.Order')",
        "name: not an event type",
        "name = 'inventory.low_stock'",
    ),
    (
        "update walhook.event_type set condition = 'new.quantity < 5'",
        "condition: on store.Order, column new.quantity does not exist",
        "Write a boolean expression of SQL; columns are new.… and old.…, as in new.status = 'paid'.",
    ),
    (
        "insert into walhook.application (name, admin_role) values ('acme', 'no_such_role')",
        "admin_role: there is no role no_such_role",
        "Make it first: create role no_such_role nologin.",
    ),
    (
        "insert into walhook.application (name, admin_role) values ('acme', 'walhook_viewer')",
        "admin_role: walhook_viewer has rights of its own in this schema",
        "Name a role that is not the schema's owner, a superuser, walhook_admin or walhook_viewer.",
    ),
    (
        "insert into walhook.application (name) values ('default')",
        "name: there is an application default already",
        "Give it a name of its own, or update that one.",
    ),
    (
        "delete from walhook.application",
        "name: application default is in use",
        "Delete its endpoints first; default always exists.",
    ),
    (
        "select walhook.emit('order.created', '{}')",
        "event type order.created belongs to a table",
        "It is sent when the table changes; give an event of your own a name of its own.",
    ),
    (
        "select walhook.emit('order.large', '{}')",
        "event type order.large belongs to a table",
        "It is sent when the table changes; give an event of your own a name of its own.",
    ),
    (
        "select walhook.emit('Signup', '{}')",
        "event type 'Signup' is not valid",
        "Use lower-case words joined by dots, as in mfa.failed.",
    ),
];

/// Everything that is configured or was done, and what hangs on the tables.
async fn state(database: &Database) -> String {
    database.query_one(include_str!("support/configured.sql"), &[]).await
}

#[tokio::test]
async fn every_mistake_names_the_field_and_the_fix_and_writes_nothing() {
    let database = installed(Pg::shared()).await;
    database.execute(SHOP).await;
    let before = state(&database).await;
    let mut failures = String::new();
    for (given, message, hint) in MISTAKES {
        let sql = match given.strip_prefix("SET ") {
            Some(settings) => format!("update walhook.endpoint set {settings} where name = 'crm'"),
            None => (*given).to_owned(),
        };
        let outcome = database.client().batch_execute(&sql).await;
        let error = outcome.as_ref().err().and_then(|error| error.as_db_error());
        let told = error.map(|error| (error.message(), error.hint().unwrap_or_default()));
        if told != Some((message, hint)) {
            let _ = writeln!(failures, "{given}\n  wanted {message:?}, {hint:?}\n  got {told:?}");
        }
        // Where the mistake was made may be in the text, what is secret may not.
        let all = format!("{error:?}").replace(given, "");
        if all.contains("s3cret") {
            let _ = writeln!(failures, "{given}\n  shows a secret: {all}");
        }
        if state(&database).await != before {
            let _ = writeln!(failures, "{given}\n  wrote something");
            break;
        }
    }
    assert!(failures.is_empty(), "{failures}");
    println!("{} mistakes", MISTAKES.len());
}

#[tokio::test]
async fn what_can_be_meant_is_taken() {
    let database = installed(Pg::shared()).await;
    database.execute(SHOP).await;
    for settings in [
        "url = 'https://[2001:db8::1]:8443/a?b=c', headers = null",
        "url = 'HTTPS://user:p%40ss:word@CRM.example.com', headers = null",
        "url = 'https://größe.example.com', headers = '{\"X-A\": \"ä\"}'",
        "events = '{created,custom,order.*,*.updated,*}'",
        "include_models = '{store.*}', exclude_models = '{*.Session}'",
        "include_fields = '[\"id\", \"meta.a.b\"]', exclude_fields = '{\"*\": [\"password\"]}'",
        "redact_fields = '{\"store.Order\": {\"status\": \"\"}}'",
        "exclude_origins = '{*,stripe}'",
        "condition = 'new.status is distinct from old.status and event in (''updated'', ''created'')'",
        "condition = 'lower(new.status) collate \"C\" like ''a%'' or coalesce(new.total, 0)::int8 % 2 = 1'",
        "condition = 'new.event = ''x'' and \n event <> ''deleted'' and not (new.\"total\" between -1 and 1.5e3)'",
        "condition = ''",
        "auth = '{\"type\": \"basic\", \"username\": \"u\", \"password\": \"p\"}'",
        "auth = '{\"type\": \"oauth2\", \"client_id\": \"i\", \"client_secret\": \"s\", \"token_url\": \"https://a.example.com\", \"scope\": \"a b\"}'",
        "auth = null, tls = '{\"ca_file\": \"/etc/ca.pem\"}'",
        "signature = '{standard,x-signature}', ordering = 'endpoint', method = 'PUT'",
        "timeout = '500 milliseconds', failure_rest = '{1s,24:00:00}', disable_min_duration = '365 days'",
        "retry = '{\"schedule\": [\"0s\", \"500ms\", \"30 d\"], \"jitter\": 0.5, \"retry_on_status\": [429, 503]}'",
        "retry = '{\"max_retries\": 3, \"retry_delay\": \"60s\", \"backoff_factor\": 2.5, \"max_delay\": \"1h\"}'",
        "alert_after = '{3,5,10}', disable_after = 0, max_in_flight = 512, rate_limit_per_second = 0",
    ] {
        database
            .execute(&format!("update walhook.endpoint set {settings} where name = 'crm'"))
            .await;
    }
    database
        .execute(
            "update walhook.model set application = 'tenant', user_columns = '{\"id\": \"updated_by\"}';
             update walhook.application set models = '{store.*,mfa.failed}', key = '7' where name = 'default';
             select walhook.emit('mfa.failed', '{}');
             select walhook.create_endpoint('bare', 'https://x.example.com', signature => '{}')",
        )
        .await;
}

/// A condition is judged over every model that the endpoint would hear of.
#[tokio::test]
async fn a_condition_must_fit_every_model_that_is_selected() {
    let database = installed(Pg::shared()).await;
    database.execute(SHOP).await;
    database.execute("select walhook.watch('plain', 'store.Plain')").await;
    let wide = "update walhook.endpoint set condition = 'new.status = ''paid'''";
    let error = database.client().batch_execute(wide).await.unwrap_err();
    let message = error.as_db_error().unwrap().message();
    assert_eq!(message, "condition: on store.Plain, column new.status does not exist");
    database.execute(&format!("{wide}, include_models = '{{store.Order}}'")).await;
    database
        .execute(&format!("{wide}, include_models = null, exclude_models = '{{*.Plain}}'"))
        .await;
}

/// A literal of such a type would run its domain's check, as the schema's owner.
#[tokio::test]
async fn judging_a_condition_runs_nobodys_code() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create function trap(text) returns boolean language plpgsql as
                 'begin raise exception ''run as %'', current_user; end';
             create domain trapped as text check (trap(value));
             create type boxed as (inside trapped);
             create table baited (id int primary key, list trapped[], box boxed, one trapped)",
        )
        .await;
    for condition in [
        "new.list = '{x}'",
        "new.box = '(x)'",
        "new.one = 'x'",
        "new.list is null and new.box is not null",
    ] {
        let sql = "insert into walhook.model (label, relation, condition) values ('a.Baited', 'baited', $1)";
        database.client().execute("delete from walhook.model", &[]).await.unwrap();
        database.client().execute(sql, &[&condition]).await.unwrap();
    }
    for condition in [
        "'{x}'::trapped[] is null",
        "cast('(x)' as public.boxed) is null",
        "public.boxed '(x)' is null",
    ] {
        let sql = "update walhook.model set condition = $1";
        let error = database.client().execute(sql, &[&condition]).await.unwrap_err();
        let message = error.as_db_error().unwrap().message().to_owned();
        assert!(message.ends_with("is not supported"), "{condition}: {message}");
    }
}
