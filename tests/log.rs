//! What the log keeps, what it must not, and what happens when it or the queue refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};
use support::receiver::answer;

const ONCE: &str = "retry = { schedule = [], jitter = 0.0 }";

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    database
}

fn ids(hooks: &[Hook]) -> Vec<i64> {
    hooks.iter().map(|hook| hook.number("id")).collect()
}

/// Waits until nothing is pending or on its way.
async fn settled(database: &Database, deliveries: i64) {
    database
        .becomes_true(&format!(
            "select count(*) = {deliveries} from walhook.webhook_log \
             where status in ('success', 'failed', 'held', 'cancelled')"
        ))
        .await;
}

#[tokio::test]
async fn a_log_that_refuses_a_row_neither_blocks_nor_sends_again() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.number("id") {
        3 => Reply::Bytes(answer("200 OK", &[], "poison")),
        7 => Reply::Status(222),
        _ => Reply::Status(200),
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    database
        .execute(
            "alter table walhook.attempt add constraint no_poison check (response_body <> 'poison'); \
             alter table walhook.attempt add constraint no_222 check (status_code <> 222)",
        )
        .await;
    let daemon = site.run().await;
    database.execute("insert into items select g, 'x' from generate_series(1, 20) as g").await;
    hooks.arrived(20).await;
    database.becomes_true("select count(*) = 19 from walhook.attempt").await;
    let row = database
        .query(
            "select l.status, l.payload is null, a.error_message from walhook.webhook_log as l \
             join walhook.webhook_attempt as a on a.delivery_id = l.id \
             where a.response_body is null or a.response_body = ''",
            &[],
        )
        .await;
    assert!(!row.is_empty());
    database.execute("insert into items values (21, 'x')").await;
    hooks.arrived(21).await;
    database.becomes_true("select count(*) = 20 from walhook.attempt").await;
    let pending: i64 = database.query_one("select count(*) from walhook.pending", &[]).await;
    assert_eq!(pending, 0);
    daemon.stop().await;
    // Nor after a restart.
    let daemon = site.run().await;
    database.execute("insert into items values (22, 'x')").await;
    let received = hooks.arrived(22).await;
    let mut ids = ids(&received);
    ids.sort_unstable();
    assert_eq!(ids, (1..=22).collect::<Vec<_>>());
    daemon.stop().await;
}

#[tokio::test]
async fn a_retry_that_the_queue_refuses_ends_as_failed_alone_and_frees_its_key() {
    let database = items().await;
    // 3 gets the refused status at first, 7 once it is in the queue, 5 another one.
    let hooks = Hooks::start(|hook| match (hook.object()["note"].as_str(), hook.number("id")) {
        (Some("x"), 3) => Reply::Status(418),
        (Some("x"), 7) if hook.attempt() == 2 => Reply::Status(418),
        (Some("x"), 5 | 7) if hook.attempt() == 1 => Reply::Status(503),
        _ => Reply::Status(200),
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    database
        .execute("alter table walhook.pending add constraint no_teapot check (status_code <> 418)")
        .await;
    let daemon = site.run().await;
    database.execute("insert into items select g, 'x' from generate_series(1, 20) as g").await;
    database.execute("update items set note = 'y' where id in (3, 7)").await;
    settled(&database, 22).await;
    assert_eq!(database.statuses("crm").await, "failed 2, success 20", "later ones of 3 and 7 too");
    let failed = database
        .query(
            "select l.attempts, l.status_code, l.error_message, l.payload::text, \
                    (select count(*) from walhook.webhook_attempt as a where a.delivery_id = l.id) \
             from walhook.webhook_log as l where status = 'failed' order by attempts",
            &[],
        )
        .await;
    for (row, attempts) in failed.iter().zip([1, 2]) {
        assert_eq!(row.get::<_, i32>(0), attempts);
        assert_eq!(row.get::<_, Option<i32>>(1), Some(418));
        assert!(row.get::<_, String>(2).contains("no_teapot"), "{row:?}");
        assert!(row.get::<_, String>(3).contains("\"note\":\"x\""), "what was to be sent is kept");
        assert_eq!(row.get::<_, i64>(4), i64::from(attempts));
    }
    let left: i64 = database
        .query_one(
            "select (select count(*) from walhook.pending) + (select count(*) from walhook.body)",
            &[],
        )
        .await;
    assert_eq!(left, 0);
    daemon.stop().await;
    assert_eq!(hooks.len(), 20 + 2 + 2, "nothing is sent again but the retries of 5 and 7");
}

#[tokio::test]
async fn a_message_that_the_queue_refuses_costs_no_delivery() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.attempt() {
        1 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    database
        .execute(
            "alter table walhook.pending add constraint no_500 \
             check (error_message !~ '500' or error_message ~ 'refused')",
        )
        .await;
    let daemon = site.run().await;
    database.execute("insert into items select g, 'x' from generate_series(1, 3) as g").await;
    settled(&database, 3).await;
    assert_eq!(database.statuses("crm").await, "success 3");
    daemon.stop().await;
}

#[tokio::test]
async fn a_body_that_the_queue_refuses_fails_that_delivery_and_the_others_are_held() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    database
        .execute(
            "alter table walhook.body add constraint no_poison \
             check (position('poison'::bytea in body) = 0)",
        )
        .await;
    let daemon = site.run().await;
    database.execute("update walhook.endpoint set state = 'paused' where name = 'crm'").await;
    daemon.says("endpoint changed state").await;
    let insert = "insert into items \
                  select g, case g when 13 then 'poison' else 'x' end from generate_series(1, 40) as g";
    database.execute(insert).await;
    settled(&database, 40).await;
    assert_eq!(database.statuses("crm").await, "failed 1, held 39");
    database.execute("update walhook.endpoint set state = 'active' where name = 'crm'").await;
    hooks.arrived(39).await;
    settled(&database, 40).await;
    assert_eq!(database.statuses("crm").await, "failed 1, success 39");
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_under_way_and_cannot_be_in_the_queue_is_not_lost_by_a_crash() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    database
        .execute(
            "alter table walhook.pending add constraint none_in_flight check (state <> 'in_flight')",
        )
        .await;
    let daemon = site.run().await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived(1).await;
    daemon.says("a row is refused and is left out").await;
    let flushed = "select max(flush) from walhook.checkpoint";
    let flush: i64 = database.query_one(flushed, &[]).await;
    daemon.kill().await;
    let daemon = site.run().await;
    hooks.arrived(2).await;
    assert_eq!(hooks.all()[0].delivery_id(), hooks.all()[1].delivery_id(), "it comes again");
    daemon.says("a row is refused and is left out").await;
    latch.open();
    settled(&database, 1).await;
    assert_eq!(database.statuses("crm").await, "success 1");
    // And then it holds nothing up.
    database.execute("insert into items values (2, 'x')").await;
    settled(&database, 2).await;
    let passed = format!(
        "select commit_lsn >= (select max(commit_lsn) from walhook.attempt) \
         from walhook.checkpoint where flush > {flush} order by flush desc limit 1"
    );
    database.becomes_true(&passed).await;
    daemon.stop().await;
    assert_eq!(hooks.len(), 3);
}

#[tokio::test]
async fn an_alert_that_is_refused_holds_up_no_delivery() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match (hook.number("id"), hook.attempt()) {
        (1, 1) => Reply::Status(503),
        _ => Reply::Status(200),
    })
    .await;
    let config = endpoint("crm", &hooks.url("/"), "alert_after = [1]\n");
    let site = Site::new(&database, &["public.items"], &config);
    site.init().await;
    database
        .execute("alter table walhook.alert add constraint no_alerts check (kind = 'none')")
        .await;
    let daemon = site.run().await;
    database.execute("insert into items select g, 'x' from generate_series(1, 20) as g").await;
    settled(&database, 20).await;
    assert_eq!(database.statuses("crm").await, "success 20");
    daemon.stop().await;
    assert_eq!(hooks.len(), 21);
}

#[tokio::test]
async fn the_log_keeps_what_log_payload_says() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        "/good" => Reply::Status(200),
        _ => Reply::Status(400),
    })
    .await;
    let config = "[delivery]\nlog_payload = \"failed\"\n".to_owned()
        + &endpoint("good", &hooks.url("/good"), ONCE)
        + &endpoint("bad", &hooks.url("/bad"), ONCE);
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    settled(&database, 2).await;
    daemon.stop().await;
    let payload = async |name: &str| -> Option<String> {
        let sql = "select payload::text from walhook.webhook_log where endpoint_name = $1";
        database.query_one(sql, &[&name]).await
    };
    assert_eq!(payload("good").await, None);
    assert_eq!(payload("bad").await.as_deref(), Some(hooks.at("/bad")[0].text()), "as sent");
}

#[tokio::test]
async fn secrets_and_hidden_values_appear_nowhere() {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create table people (id int primary key, email text, ssn text, profile jsonb, note text); \
             alter table people replica identity full",
        )
        .await;
    let hooks = Hooks::start(|hook| match hook.path().split('?').next() {
        Some("/bad") => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let common = "secrets = [\"${THE_SECRET}\"]\n\
                  headers = { \"X-Api-Key\" = \"canary-header\" }\n\
                  exclude_fields = { \"*\" = [\"ssn\"] }\n\
                  redact_fields = { \"public.people\" = { email = \"***\", \"profile.phone\" = \"***\" } }\n\
                  retry = { schedule = [\"50ms\"], jitter = 0.0 }\nfailure_rest = [\"1ms\"]\n";
    let user_info =
        hooks.url("/good?token=canary-query").replace("http://", "http://u:canary-password@");
    let bearer = "auth = { type = \"bearer\", token = \"canary-bearer\" }\n";
    let dead = "http://127.0.0.1:9/?token=canary-query";
    let config = endpoint("good", &user_info, common)
        + &endpoint("bad", &hooks.url("/bad?token=canary-query"), &(common.to_owned() + bearer))
        + &endpoint("dead", dead, &(common.to_owned() + bearer));
    let site = Site::new(&database, &["public.people"], &config)
        .with_variable("THE_SECRET", "canary-secret-canary-secret-cana")
        .with_variable("RUST_LOG", "trace");
    let said = site.init().await;
    let daemon = site.run().await;
    database
        .execute(
            "insert into people values (1, 'canary-email', 'canary-ssn', \
             '{\"phone\": \"canary-phone\", \"town\": \"Bonn\"}', 'public-note'); \
             update people set email = 'canary-email-2', note = 'public-note-2'; \
             delete from people",
        )
        .await;
    settled(&database, 9).await;
    let received = hooks.arrived(3).await;
    let sent = received.iter().find(|hook| hook.path().starts_with("/good")).unwrap();
    assert!(
        !sent.header("authorization").is_empty() && sent.header("x-api-key") == "canary-header"
    );
    let log = daemon.stop().await;
    let output =
        tokio::process::Command::new(pg_dump()).args(["--schema=walhook", &database.url]).output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dump = String::from_utf8(output.stdout).unwrap();
    assert!(dump.contains("/good"), "the log is in the dump");
    // Bodies are stored as bytea.
    let bodies: String = database
        .query_one(
            "select string_agg(convert_from(payload, 'UTF8'), ' ') from walhook.attempt",
            &[],
        )
        .await;
    assert!(bodies.contains("public-note-2") && bodies.contains("Bonn") && bodies.contains("***"));
    let sent: String = received.iter().map(|hook| hook.text().to_owned()).collect();
    for (name, text) in
        [("init", &said), ("log", &log), ("dump", &dump), ("bodies", &bodies), ("sent", &sent)]
    {
        let at = text.find("canary");
        let around = at.map(|at| &text[at.saturating_sub(300)..(at + 200).min(text.len())]);
        assert!(at.is_none(), "{name} shows {}", around.unwrap_or_default());
    }
    assert!(log.contains("\"TRACE\"") && !log.contains("public-note"), "nor do bodies");
}

/// Beside the server's programs, or wherever PATH has it.
fn pg_dump() -> std::path::PathBuf {
    let beside = walhook::demo::cluster::Binaries::find().unwrap().program("pg_dump");
    if beside.is_file() { beside } else { "pg_dump".into() }
}
