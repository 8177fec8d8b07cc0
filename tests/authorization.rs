//! OAuth 2.0 client credentials, through the daemon.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Reply};
use support::pg::{Database, Pg};
use support::receiver::answer;

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    database
}

fn grant(token: &str) -> Reply {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
    Reply::Bytes(answer("200 OK", &[], &body))
}

fn secured(hooks: &Hooks, rest: &str) -> String {
    let auth = format!(
        "auth = {{ type = \"oauth2\", client_id = \"walhook\", client_secret = \"${{SECRET}}\", \
         token_url = {:?}, scope = \"webhooks:write\" }}\n",
        hooks.url("/token")
    );
    endpoint("crm", &hooks.url("/hook"), &(auth + rest))
}

fn site(database: &Database, config: &str) -> Site {
    Site::new(database, &["public.items"], config).with_variable("SECRET", "c4nary-secret")
}

fn tokens(hooks: &[Hook]) -> Vec<&str> {
    hooks.iter().map(|hook| hook.header("authorization")).collect()
}

#[tokio::test]
async fn one_token_serves_all_deliveries_and_is_replaced_once_when_it_is_revoked() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match (hook.path(), hook.header("authorization")) {
        ("/token", _) => grant("from-now-on"),
        (_, "Bearer from-now-on") if hook.number("id") != 150 || hook.attempt() > 1 => {
            Reply::Status(200)
        }
        _ => Reply::Status(401),
    })
    .await;
    let daemon = site(&database, &secured(&hooks, "")).up().await;
    database.execute("insert into items select g, 'x' from generate_series(1, 200) as g").await;
    database
        .becomes_true("select count(*) = 200 from walhook.webhook_log where status = 'success'")
        .await;
    daemon.stop().await;
    // The row that is refused: once more within its attempt, with the successor; then a retry.
    let hooked = hooks.at("/hook");
    assert_eq!((hooked.len(), hooks.at("/token").len()), (202, 2));
    assert!(tokens(&hooked).iter().all(|token| *token == "Bearer from-now-on"));
    let attempts: i64 =
        database.query_one("select count(*) from walhook.webhook_attempt", &[]).await;
    assert_eq!(attempts, 201);
}

#[tokio::test]
async fn a_token_server_that_refuses_counts_like_any_failure_until_it_grants() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        "/token" => {
            let body = r#"{"error":"invalid_client","error_description":"c4nary-secret"}"#;
            Reply::Bytes(answer("401 Unauthorized", &[], body))
        }
        _ => Reply::Status(200),
    })
    .await;
    let rest = "retry = { schedule = [\"50ms\", \"50ms\"], jitter = 0.0 }\nalert_after = [2]\n\
                disable_after = 5\ndisable_min_duration = \"0s\"";
    let site = site(&database, &secured(&hooks, rest));
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    database
        .becomes_true("select count(*) = 1 from walhook.webhook_log where status = 'failed'")
        .await;
    let attempts: String = database
        .query_one(
            "select string_agg(attempt || ' ' || error_class || ' ' || error_message, ', ' \
                               order by attempt) \
             from walhook.webhook_attempt where status_code is null",
            &[],
        )
        .await;
    let refused = "auth no token from 127.0.0.1: answered 401 Unauthorized (invalid_client)";
    assert_eq!(attempts, format!("1 {refused}, 2 {refused}, 3 {refused}"));
    database.execute("insert into items values (2, 'x')").await;
    database.becomes_true("select state = 'disabled' from walhook.endpoint").await;
    let alerts: String = database
        .query_one(
            "select string_agg(kind || ' ' || count, ', ' order by id) from walhook.alert",
            &[],
        )
        .await;
    assert_eq!(alerts, "consecutive_failures 2, endpoint_disabled 5");
    assert_eq!(hooks.at("/hook").len(), 0);
    daemon.stop().await;
}

#[tokio::test]
async fn nothing_of_token_and_secret_is_seen_in_log_tables_and_faults() {
    let database = items().await;
    // A receiver that tells everybody what it was told.
    let hooks = Hooks::start(|hook| match hook.path() {
        "/token" => grant("c4nary-token"),
        _ => {
            let told = hook.header("authorization");
            let header = format!("X-You-Said: {told}");
            Reply::Bytes(answer("500 Oh", &[&header, "Authorization: c4nary-token"], told))
        }
    })
    .await;
    let site = site(&database, &secured(&hooks, "")).with_variable("RUST_LOG", "trace");
    let (_, stdout, stderr) = site.walhook(&["check"]).await;
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    database
        .becomes_true("select count(*) = 1 from walhook.webhook_log where status = 'failed'")
        .await;
    let log = daemon.stop().await;
    let (_, status, _) = site.walhook(&["status", "--json"]).await;
    assert_eq!(tokens(&hooks.at("/hook"))[0], "Bearer c4nary-token");
    let mut seen = stdout + &stderr + &log + &status;
    for table in
        ["attempt", "endpoint", "pending", "body", "alert", "webhook_log", "webhook_attempt"]
    {
        let rows =
            format!("select coalesce(string_agg(t::text, e'\\n'), '') from walhook.{table} as t");
        seen += &database.query_one::<String>(&rows, &[]).await;
    }
    assert!(seen.contains("x-you-said") && seen.contains("Bearer ***"), "{seen}");
    let basic = "d2FsaG9vazpjNG5hcnk";
    for secret in ["c4nary", basic] {
        let at = seen.find(secret).map(|at| &seen[at.saturating_sub(200)..]);
        assert_eq!(at.map(|text| text.chars().take(300).collect::<String>()), None);
    }
}
