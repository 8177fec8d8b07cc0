//! What SQL shows: how endpoints, the queue and replication do, who is told of alerts, and the
//! functions that are called with them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Reply};
use support::pg::{Database, Pg};

const LATER: &str = "retry = { schedule = [\"1h\"], jitter = 0.0 }";
const NEVER: &str = "retry = { schedule = [], jitter = 0.0 }";

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    database
}

async fn text(database: &Database, sql: &str) -> String {
    database.query_one::<Option<String>>(sql, &[]).await.unwrap_or_default()
}

/// Even ids are taken, odd ones are not.
async fn picky() -> Hooks {
    Hooks::start(|hook| match hook.number("id") % 2 {
        0 => Reply::Status(200),
        _ => Reply::Status(500),
    })
    .await
}

#[tokio::test]
async fn the_health_views_say_how_endpoints_and_queue_do() {
    let database = items().await;
    let hooks = picky().await;
    let config = endpoint("crm", &hooks.url("/?key=hidden"), LATER)
        + &endpoint("erp", &hooks.url("/"), NEVER);
    let daemon = Site::new(&database, &["public.items"], &config).up().await;
    database.execute("insert into items select g, 'x' from generate_series(1, 10) as g").await;
    let settled = "select count(*) filter (where status = 'success') = 10 \
                      and count(*) filter (where status = 'failed') = 5 \
                      and count(*) filter (where status = 'retrying') = 5 \
                   from walhook.webhook_log";
    database.becomes_true(settled).await;
    let health = "select string_agg(concat_ws(' ', endpoint_name, state, pending, held, \
                                    delivered_last_hour, failed_last_hour, \
                                    oldest_pending_at is not null, last_success_at is not null, \
                                    last_failure_at is not null, p95_ms > 0), ', ' \
                                    order by endpoint_name) from walhook.endpoint_health";
    assert_eq!(
        text(&database, health).await,
        "crm active 5 0 5 0 t t t t, erp active 0 0 5 5 f t t t"
    );
    let queue = "select string_agg(concat_ws(' ', endpoint_name, status, deliveries, bytes > 0, \
                                   oldest_at is not null, next_due_at > now()), ', ') \
                 from walhook.queue_health";
    assert_eq!(text(&database, queue).await, "crm retrying 5 t t t");
    database.execute("select walhook.pause('crm')").await;
    assert_eq!(text(&database, queue).await, "crm held 5 t t t");
    assert!(text(&database, health).await.starts_with("crm paused 0 5 "));
    let urls = "select distinct url from walhook.webhook_attempt where endpoint_name = 'crm'";
    assert_eq!(text(&database, urls).await, hooks.url("/?key=***"));
    let operations = "select string_agg(concat_ws(' ', actor, action), ', ') \
                      from walhook.operation_log where target = 'crm' and action = 'pause'";
    assert_eq!(text(&database, operations).await, "postgres pause");
    daemon.stop().await;
}

#[tokio::test]
async fn replication_health_says_how_far_behind_the_slot_is() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived(1).await;
    let health = "select concat_ws(' ', slot, active, wal_status, confirmed_lsn is not null, \
                                   lag_bytes >= 0, lag_seconds >= 0, safe_wal_bytes, \
                                   seconds_to_loss, last_error) \
                  from walhook.replication_health";
    assert_eq!(text(&database, health).await, format!("{} t reserved t t t", database.name));
    daemon.stop().await;
    let alert = "insert into walhook.alert (severity, kind, message) values \
                 ('critical', 'gap', 'WAL is missing'), ('critical', 'other', 'something else')";
    database.execute(alert).await;
    let gone = "select not active from walhook.replication_health";
    database.becomes_true(gone).await;
    let error = "select last_error from walhook.replication_health";
    assert_eq!(text(&database, error).await, "WAL is missing");
    database.execute("select pg_drop_replication_slot(slot) from walhook.replication_health").await;
    let health = "select concat_ws(' ', active, wal_status, lag_bytes) \
                  from walhook.replication_health";
    assert_eq!(text(&database, health).await, "f");
}

#[tokio::test]
async fn an_alert_names_whom_to_tell_and_notifies() {
    let database = items().await;
    let hooks = Hooks::start(|_| Reply::Status(410)).await;
    let daemon = Site::new(&database, &["public.items"], "").up().await;
    let endpoint = format!(
        "insert into walhook.application (name, models, owner) \
         values ('acme', '{{*}}', 'ops@example.com'); \
         select walhook.create_endpoint('crm', '{}', 'acme')",
        hooks.url("/")
    );
    database.execute(&endpoint).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (client, mut connection) =
        tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    let listening = tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|c| connection.poll_message(c)).await {
            if let tokio_postgres::AsyncMessage::Notification(notification) = message {
                told.send(notification.payload().to_owned()).unwrap();
            }
        }
    });
    client.batch_execute("listen walhook_alert").await.unwrap();
    database.execute("insert into items values (1, 'x')").await;
    let id = tokio::time::timeout(support::hooks::PATIENCE, heard.recv()).await.unwrap().unwrap();
    let row = format!(
        "select concat_ws(' ', kind, endpoint_name, application, array_to_string(recipients, ' ')) \
         from walhook.alert where id = {id}"
    );
    assert_eq!(text(&database, &row).await, "endpoint_disabled crm acme ops@example.com postgres");
    daemon.stop().await;
    listening.abort();
}

const CALLBACKS: &str = "create table told (at timestamptz default clock_timestamp(), what jsonb); \
    create function tell(what jsonb) returns void language sql as \
    $$ insert into told (what) values (what) $$";

#[tokio::test]
async fn a_final_failure_is_told_to_the_callback_once_also_when_the_daemon_is_killed() {
    let database = items().await;
    database.execute(CALLBACKS).await;
    let hooks = picky().await;
    let config = "[delivery]\non_failure = \"callback\"\nfailure_callback = \"public.tell\"\n"
        .to_owned()
        + &endpoint("crm", &hooks.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x'), (2, 'x')").await;
    database.becomes_true("select count(*) = 1 from told").await;
    let told: Value = database.query_one("select what from told", &[]).await;
    let failed = hooks.all().into_iter().find(|hook| hook.number("id") == 1).unwrap();
    assert_eq!(told["endpoint"], "crm");
    assert_eq!(told["event_id"], failed.event_id());
    assert_eq!(told["payload"], failed.json());
    assert_eq!((&told["error_class"], &told["attempts"]), (&"http_status".into(), &4.into()));
    assert!(told["error"].as_str().unwrap().contains("500"), "{told}");
    // Held back by a lock while the daemon is killed: its call comes to nothing, and again.
    let other = database.connect().await;
    other.client.batch_execute("begin; lock table told").await.unwrap();
    database.execute("insert into items values (3, 'x')").await;
    database
        .becomes_true(
            "select exists (select from pg_stat_activity as a join pg_locks as l using (pid) \
                            where not l.granted and a.datname = current_database())",
        )
        .await;
    daemon.kill().await;
    other.client.batch_execute("commit").await.unwrap();
    let daemon = site.run().await;
    database.becomes_true("select count(*) >= 2 from told").await;
    database.becomes_true("select count(*) = 0 from walhook.failure").await;
    database
        .becomes_true(
            "select count(*) = 0 from pg_stat_activity \
             where datname = current_database() and query like '%call_back%' and state = 'active' \
             and pid <> pg_backend_pid()",
        )
        .await;
    let count: i64 = database.query_one("select count(*) from told", &[]).await;
    assert_eq!(count, 2, "the killed daemon's call was one transaction with the note of it");
    daemon.stop().await;
}

#[tokio::test]
async fn a_callback_that_fails_is_an_alert_and_holds_up_nothing() {
    let database = items().await;
    database.execute(CALLBACKS).await;
    database
        .execute(
            "create function broken(what jsonb) returns void language plpgsql as \
             $$ begin raise exception 'canary of %', what; end $$",
        )
        .await;
    let hooks = picky().await;
    let config = "[delivery]\non_failure = \"callback\"\nfailure_callback = \"public.broken\"\n\
                  [alerts]\ncallback = \"public.tell\"\n"
        .to_owned()
        + &endpoint("crm", &hooks.url("/"), NEVER);
    let daemon = Site::new(&database, &["public.items"], &config).up().await;
    database.execute("insert into items values (1, 'x')").await;
    daemon.says("a callback failed").await;
    database.execute("insert into items values (2, 'x')").await;
    hooks.arrived(2).await;
    let told = "select count(*) = 1 from told \
                where what ->> 'kind' = 'callback_failed' and what ? 'recipients'";
    database.becomes_true(told).await;
    database.becomes_true("select count(*) = 0 from walhook.alert where call_at is not null").await;
    let due = "select concat_ws(' ', tries, call_at > now()) from walhook.failure";
    database.becomes_true(&format!("select ({due}) = '1 t'")).await;
    // Mended, it is told after all.
    database
        .execute(
            "create or replace function broken(what jsonb) returns void language sql as \
             $$ insert into public.told (what) values (what) $$; \
             update walhook.failure set call_at = now(); notify walhook_failure",
        )
        .await;
    database.becomes_true("select count(*) = 1 from told where what ? 'attempts'").await;
    let log = daemon.stop().await;
    assert!(!log.contains("canary"), "what it raised may quote what it was given");
}

#[tokio::test]
async fn check_names_a_callback_that_is_not_there() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let config = "[delivery]\non_failure = \"callback\"\nfailure_callback = \"public.nowhere\"\n"
        .to_owned()
        + &endpoint("crm", &hooks.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    site.init().await;
    let (status, stdout, stderr) = site.walhook(&["check"]).await;
    let said = stdout + &stderr;
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("delivery.failure_callback"), "{said}");
    assert!(said.contains("there is no function \"public\".\"nowhere\"(jsonb)"), "{said}");
    database.execute("create function nowhere(jsonb) returns void language sql as ''").await;
    let (status, stdout, stderr) = site.walhook(&["check"]).await;
    assert_eq!(status.code(), Some(0), "{stdout}{stderr}");
}
