//! What the log keeps, what it must not, and what happens when it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Reply};
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
