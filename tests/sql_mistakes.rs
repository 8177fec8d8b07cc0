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

/// Three lines for each: the statement, where `SET` stands for an update of the endpoint; the
/// error; its hint.
const MISTAKES: &str = include_str!("support/mistakes.txt");

fn mistakes() -> impl Iterator<Item = [&'static str; 3]> {
    MISTAKES.split("\n\n").filter(|block| !block.trim_start().starts_with('#')).map(|block| {
        let lines: Vec<&str> = block.trim().lines().map(str::trim).collect();
        lines[..].try_into().unwrap_or_else(|_| panic!("three lines: {block}"))
    })
}

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
    for [given, message, hint] in mistakes() {
        let sql = match given.strip_prefix("SET ") {
            Some(settings) => format!("update walhook.endpoint set {settings} where name = 'crm'"),
            None => given.to_owned(),
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
    println!("{} mistakes", mistakes().count());
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
