//! What an operator does in SQL: pause, resume, cancel, send again, and the rows that say what
//! happened and why not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::SystemTime;

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};
use walhook::secret::Secret;
use walhook::sign::{Scheme, Verifier};

const LATER: &str = "retry = { schedule = [\"1h\"], jitter = 0.0 }";
const NEVER: &str = "retry = { schedule = [], jitter = 0.0 }";

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create table items (id bigint generated always as identity primary key, n int); \
             alter table items replica identity full",
        )
        .await;
    database
}

fn site(database: &Database, hooks: &Hooks, rest: &str) -> Site {
    Site::new(database, &["public.items"], &endpoint("crm", &hooks.url("/"), rest))
}

/// What a function said: `action` or `action: why_not`, a row each.
async fn asked(database: &Database, call: &str) -> Vec<String> {
    let sql = format!("select concat_ws(': ', action, why_not) from walhook.{call}");
    database.query(&sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

/// The message and the hint that a function refuses with.
async fn refused(database: &Database, call: &str) -> String {
    let sql = format!("select * from walhook.{call}");
    let error = database.client().query(&sql, &[]).await.expect_err("it is refused");
    let error = error.as_db_error().unwrap().clone();
    format!("{} | {}", error.message(), error.hint().unwrap_or_default())
}

async fn become_statuses(database: &Database, wanted: &str) {
    let sql = format!(
        "select coalesce(string_agg(status || ' ' || n, ', ' order by status), '') = '{wanted}' \
         from (select status, count(*) as n from walhook.webhook_log group by status) as s"
    );
    database.becomes_true(&sql).await;
}

fn numbers(hooks: &[Hook]) -> Vec<i64> {
    hooks.iter().map(|hook| hook.number("n")).collect()
}

/// The delivery of row `n`, as SQL.
fn delivery(n: i64) -> String {
    format!("(select id from walhook.webhook_log where payload -> 'object' ->> 'n' = '{n}')")
}

#[tokio::test]
async fn a_redelivery_goes_out_at_once_replaces_the_retry_and_works_for_successes_too() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.attempt() {
        1 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let daemon = site(&database, &hooks, LATER).up().await;
    database.execute("insert into items (n) values (1)").await;
    let first = hooks.arrived(1).await.remove(0);
    become_statuses(&database, "retrying 1").await;
    let redeliver = format!("redeliver('{}', 'crm')", first.event_id());
    assert_eq!(asked(&database, &redeliver).await, ["redeliver"]);
    hooks.arrived(2).await;
    become_statuses(&database, "success 1").await;
    // A success, once more.
    assert_eq!(asked(&database, &redeliver).await, ["redeliver"]);
    let received = hooks.arrived(3).await;
    become_statuses(&database, "success 1").await;
    let sent: Vec<_> = received.iter().map(|h| (h.attempt(), h.delivery_id(), h.body())).collect();
    let (id, body) = (first.delivery_id(), first.body());
    assert_eq!(sent, [(1, id, body), (2, id, body), (3, id, body)]);
    let row = database
        .query(
            "select l.attempts, l.payload::text, (select count(*) from walhook.webhook_attempt), \
                    (select count(*) from walhook.pending) + (select count(*) from walhook.body) \
             from walhook.webhook_log as l",
            &[],
        )
        .await
        .remove(0);
    assert_eq!((row.get(0), row.get(2), row.get(3)), (3i32, 3i64, 0i64));
    assert_eq!(row.get::<_, &str>(1).as_bytes(), body);
    daemon.stop().await;
}

#[tokio::test]
async fn a_redelivery_has_no_part_in_the_order_of_its_key_and_does_not_disturb_it() {
    for ordering in ["key", "endpoint"] {
        redeliver_beside(ordering).await;
    }
}

async fn redeliver_beside(ordering: &str) {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match (hook.number("n"), hook.attempt()) {
            (1, 4) => Reply::Status(500),
            (2, _) => latch.then_ok(),
            _ => Reply::Status(200),
        }
    })
    .await;
    let rest = format!("ordering = {ordering:?}\ntimeout = \"10m\"");
    let daemon = site(&database, &hooks, &rest).up().await;
    database.execute("insert into items (n) values (1)").await;
    let first = hooks.arrived(1).await.remove(0);
    become_statuses(&database, "success 1").await;
    let redeliver = format!("redeliver('{}', 'crm')", first.event_id());
    // The third waits for the second; redeliveries wait for neither, and release neither.
    database.execute("update items set n = 2").await;
    database.execute("update items set n = 3").await;
    hooks.arrived(2).await;
    for count in [3, 4] {
        assert_eq!(asked(&database, &redeliver).await, ["redeliver"]);
        hooks.arrived(count).await;
        let settled = "select exists (select from walhook.webhook_log where status = 'success')";
        database.becomes_true(settled).await;
    }
    assert_eq!(numbers(&hooks.all()), [1, 2, 1, 1], "{ordering}");
    latch.open();
    hooks.arrived(5).await;
    become_statuses(&database, "success 3").await;
    // One that must be tried again holds up nobody either.
    assert_eq!(asked(&database, &redeliver).await, ["redeliver"]);
    hooks.arrived(6).await;
    database.execute("update items set n = 4").await;
    let received = hooks.arrived(8).await;
    let mut last = numbers(&received[5..]);
    last.sort_unstable();
    assert_eq!((&numbers(&received)[4..5], last), (&[3][..], vec![1, 1, 4]), "{ordering}");
    become_statuses(&database, "success 4").await;
    daemon.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_again_is_refused_with_the_reason() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let config =
        "[delivery]\nlog_payload = \"failed\"\n".to_owned() + &endpoint("crm", &hooks.url("/"), "");
    let config = config + &endpoint("erp", &hooks.url("/"), "events = [\"deleted\"]");
    let daemon = Site::new(&database, &["public.items"], &config).up().await;
    database.execute("insert into items (n) values (1)").await;
    let event = hooks.arrived(1).await[0].event_id().to_owned();
    become_statuses(&database, "success 1").await;
    let redeliver = |endpoint: &str| format!("redeliver('{event}', '{endpoint}')");
    let said = asked(&database, &redeliver("crm")).await;
    assert_eq!(said, ["none: its body is not kept any more"]);
    let said = asked(&database, &redeliver("erp")).await;
    assert_eq!(said, ["none: the endpoint never had this event"]);
    let said = refused(&database, &redeliver("nobody")).await;
    assert_eq!(
        said,
        "endpoint: there is no endpoint 'nobody' | select name from walhook.endpoint shows yours."
    );
    let said = refused(&database, "redeliver('42', 'crm')").await;
    assert!(said.starts_with("event_id: '42' is not an event id | Give evt_"), "{said}");
    let said = refused(&database, "recover('crm', now(), now() - interval '1 hour')").await;
    assert!(said.starts_with("since: not a window of time |"), "{said}");
    assert_eq!(asked(&database, "pause('crm')").await, ["pause"]);
    assert_eq!(asked(&database, "pause('crm')").await, ["none: it is paused already"]);
    let paused = "none: the endpoint is paused: select walhook.resume('crm') first";
    for call in
        [&*redeliver("crm"), "send_test('crm')", "recover('crm', '-infinity', dry_run => false)"]
    {
        assert_eq!(asked(&database, call).await, [paused], "{call}");
    }
    assert_eq!(asked(&database, "resume('crm')").await, ["resume"]);
    assert_eq!(asked(&database, "resume('crm')").await, ["none: it is active"]);
    let said = asked(&database, "cancel((select id from walhook.webhook_log))").await;
    assert_eq!(said, ["none: it has ended: success"]);
    let said = asked(&database, "cancel(gen_random_uuid())").await;
    assert_eq!(said, ["none: there is no such delivery, or it has not come to the queue"]);
    let operations: String = database
        .query_one(
            "select string_agg(action, ' ' order by at) from walhook.operation_log \
             where target = 'crm' and action <> 'insert endpoint'",
            &[],
        )
        .await;
    assert_eq!(operations, "pause resume", "what was refused was not done");
    assert_eq!(hooks.len(), 1);
    daemon.stop().await;
}

#[tokio::test]
async fn recover_sends_again_what_finally_failed_oldest_first_and_once() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match hook.number("n") % 2 == 0 || latch.is_open() {
            true => Reply::Status(200),
            false => Reply::Status(500),
        }
    })
    .await;
    let rest = format!("{NEVER}\nmax_in_flight = 1");
    let daemon = site(&database, &hooks, &rest).up().await;
    database.execute("insert into items (n) select generate_series(1, 20)").await;
    become_statuses(&database, "failed 10, success 10").await;
    let recover = "recover('crm', now() - interval '1 hour'";
    let said = asked(&database, &format!("{recover})")).await;
    assert_eq!(said, vec!["would redeliver"; 10]);
    assert_eq!(hooks.len(), 20, "only said");
    let before = "recover('crm', now() - interval '2 hours', now() - interval '1 hour', false)";
    assert_eq!(asked(&database, before).await, Vec::<String>::new());
    latch.open();
    let said = asked(&database, &format!("{recover}, dry_run => false)")).await;
    assert_eq!(said, vec!["redeliver"; 10]);
    let said = asked(&database, &format!("{recover}, dry_run => false)")).await;
    assert_eq!(said, Vec::<String>::new(), "it is on its way");
    let received = hooks.arrived(30).await;
    assert_eq!(numbers(&received[20..]), (1..=20).step_by(2).collect::<Vec<_>>());
    become_statuses(&database, "success 20").await;
    let said = asked(&database, &format!("{recover}, dry_run => false)")).await;
    assert_eq!(said, Vec::<String>::new());
    daemon.stop().await;
    assert_eq!(hooks.len(), 30);
}

#[tokio::test]
async fn what_waits_behind_a_cancelled_delivery_goes_on_in_order() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.number("n") {
        1 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let daemon = site(&database, &hooks, LATER).up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    for n in 2..=5 {
        database.execute(&format!("update items set n = {n}")).await;
    }
    become_statuses(&database, "pending 4, retrying 1").await;
    database.becomes_true("select count(*) = 4 from walhook.pending where state = 'blocked'").await;
    let said = asked(
        &database,
        &format!(
            "redeliver((select event_id from walhook.webhook_log where id = {}), 'crm')",
            delivery(3)
        ),
    )
    .await;
    assert_eq!(
        said,
        ["none: it waits behind an earlier event of its row: redeliver or cancel that one"]
    );
    let cancel = |n| format!("cancel({})", delivery(n));
    assert_eq!(asked(&database, &cancel(3)).await, ["cancel"]);
    assert_eq!(asked(&database, &cancel(3)).await, ["none: it is cancelled already"]);
    // At once for whoever looks, and settled in its turn.
    become_statuses(&database, "cancelled 1, pending 3, retrying 1").await;
    assert_eq!(asked(&database, &cancel(1)).await, ["cancel"]);
    let received = hooks.until(|hooks| hooks.iter().any(|hook| hook.number("n") == 5)).await;
    assert_eq!(numbers(&received), [1, 2, 4, 5]);
    become_statuses(&database, "cancelled 2, success 3").await;
    let ended = database
        .query(
            "select l.attempts, l.error_message, a.attempt, a.payload is not null \
             from walhook.webhook_log as l join walhook.attempt as a on a.delivery_id = l.id \
             where l.status = 'cancelled' and a.outcome = 'cancelled' order by l.attempts",
            &[],
        )
        .await;
    let ended: Vec<(i32, String, i32, bool)> =
        ended.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let by = || "cancelled by postgres".to_owned();
    assert_eq!(ended, [(0, by(), -1, true), (1, by(), -2, true)]);
    let said = asked(&database, &cancel(1)).await;
    assert_eq!(said, ["none: it has ended: cancelled"]);
    // A cancelled one can be sent after all, and cancelled again.
    assert_eq!(hooks.len(), 4);
    daemon.stop().await;
}

#[tokio::test]
async fn what_the_daemon_has_read_and_not_sent_yet_can_be_cancelled() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let daemon = site(&database, &hooks, "max_in_flight = 1\ntimeout = \"10m\"").up().await;
    assert_eq!(asked(&database, "pause('crm')").await, ["pause"]);
    daemon.says("endpoint changed state").await;
    database.execute("insert into items (n) select generate_series(1, 20)").await;
    database
        .becomes_true("select count(*) = 20 from walhook.webhook_log where status = 'held'")
        .await;
    assert_eq!(asked(&database, "resume('crm')").await, ["resume"]);
    // It reads them in one page, and the first is under way.
    hooks.arrived(1).await;
    let cancelled: i64 = database
        .query_one(
            "select count(*) from walhook.webhook_log as l, walhook.cancel(l.id) as c \
             where (l.payload -> 'object' ->> 'n')::int > 4 and c.action = 'cancel'",
            &[],
        )
        .await;
    assert_eq!(cancelled, 16);
    daemon.says("cancelled in memory").await;
    latch.open();
    become_statuses(&database, "cancelled 16, success 4").await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    let mut received = numbers(&hooks.all());
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3, 4]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_cancellation_made_while_no_daemon_runs_shows_at_once_and_is_settled_by_the_next() {
    let database = items().await;
    let hooks = Hooks::start(|_| Reply::Status(500)).await;
    let site = site(&database, &hooks, LATER);
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    become_statuses(&database, "retrying 1").await;
    daemon.kill().await;
    assert_eq!(asked(&database, &format!("cancel({})", delivery(1))).await, ["cancel"]);
    assert_eq!(database.statuses("crm").await, "cancelled 1");
    let daemon = site.run().await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    assert_eq!(database.statuses("crm").await, "cancelled 1");
    // Sent after all, and cancelled once more.
    let event = "(select event_id from walhook.webhook_log)";
    assert_eq!(asked(&database, &format!("redeliver({event}, 'crm')")).await, ["redeliver"]);
    hooks.arrived(2).await;
    become_statuses(&database, "retrying 1").await;
    assert_eq!(asked(&database, &format!("cancel({})", delivery(1))).await, ["cancel"]);
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    assert_eq!(database.statuses("crm").await, "cancelled 1");
    daemon.stop().await;
    assert_eq!(hooks.len(), 2);
}

#[tokio::test]
async fn resume_sends_what_was_held_or_ends_it_as_cancelled() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let daemon = site(&database, &hooks, "").up().await;
    for (first, rest, expected) in [(1, "", "resume"), (21, ", send_held => false", "cancel")] {
        assert_eq!(asked(&database, "pause('crm')").await, ["pause"]);
        daemon.says_again("endpoint changed state", if first == 1 { 1 } else { 3 }).await;
        let insert =
            format!("insert into items (n) select generate_series({first}, {})", first + 19);
        database.execute(&insert).await;
        let held = "select count(*) = 20 from walhook.webhook_log where status = 'held'";
        database.becomes_true(held).await;
        let said = asked(&database, &format!("resume('crm'{rest})")).await;
        assert_eq!(said[0], "resume");
        let (count, last) = (said.len(), said.last().unwrap());
        assert_eq!((count, &**last), (if rest.is_empty() { 1 } else { 21 }, expected));
        database.becomes_true("select count(*) = 0 from walhook.pending").await;
    }
    database.execute("insert into items (n) values (41)").await;
    hooks.until(|hooks| hooks.last().is_some_and(|hook| hook.number("n") == 41)).await;
    let mut received = numbers(&hooks.all());
    received.sort_unstable();
    assert_eq!(received, (1..=20).chain([41]).collect::<Vec<_>>());
    become_statuses(&database, "cancelled 20, success 21").await;
    let reason: String = database
        .query_one(
            "select distinct error_message from walhook.webhook_log where status = 'cancelled'",
            &[],
        )
        .await;
    assert_eq!(reason, "not sent when postgres resumed the endpoint");
    daemon.stop().await;
}

#[tokio::test]
async fn resume_lets_the_failures_of_a_disabled_endpoint_count_from_zero() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.attempt() {
        1 => Reply::Status(410),
        _ => Reply::Status(200),
    })
    .await;
    let daemon = site(&database, &hooks, "").up().await;
    database.execute("insert into items (n) values (1)").await;
    database
        .becomes_true(
            "select exists (select from walhook.endpoint_health \
                            where state = 'disabled' and reason = 'gone')",
        )
        .await;
    let said = asked(&database, "send_test('crm')").await;
    assert_eq!(said, ["none: the endpoint is disabled (gone): select walhook.resume('crm') first"]);
    assert_eq!(asked(&database, "resume('crm')").await, ["resume"]);
    hooks.arrived(2).await;
    become_statuses(&database, "success 1").await;
    let health: String = database
        .query_one(
            "select concat_ws(' ', state, consecutive_failures, reason, failing_since) \
             from walhook.endpoint_health",
            &[],
        )
        .await;
    assert_eq!(health, "active 0");
    daemon.stop().await;
}

#[tokio::test]
async fn a_test_event_arrives_at_its_endpoint_alone_signed_and_logged() {
    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let database = items().await;
    let hooks = Hooks::ok().await;
    let rest = format!("secrets = [\"{SECRET}\"]\nevents = [\"order.created\"]");
    let config =
        endpoint("crm", &hooks.url("/crm"), &rest) + &endpoint("erp", &hooks.url("/erp"), "");
    let daemon = Site::new(&database, &["public.items"], &config).up().await;
    let said = database.query("select * from walhook.send_test('crm')", &[]).await.remove(0);
    let hook = hooks.arrived(1).await.remove(0);
    assert_eq!(hook.path(), "/crm");
    assert_eq!((said.get("action"), said.get("event_id")), ("send", hook.event_id()));
    assert_eq!(said.get::<_, uuid::Uuid>("delivery_id").to_string(), hook.delivery_id());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    for scheme in [Scheme::XWebhook, Scheme::Standard] {
        let verifier = Verifier::new(scheme, &[Secret::new(SECRET)]).unwrap();
        let header =
            |name: &str| Some(hook.header(&name.to_ascii_lowercase())).filter(|v| !v.is_empty());
        verifier.verify(header, hook.body(), now).unwrap();
    }
    let body = hook.json();
    assert_eq!(body["id"], hook.event_id());
    assert_eq!((&body["type"], &body["event"]), (&"webhook.test".into(), &"custom".into()));
    assert_eq!(body["schema_version"], 1);
    for member in ["model", "changes", "user"] {
        assert!(body[member].is_null() && body.get(member).is_some(), "{body}");
    }
    assert!(body["object"]["message"].is_string());
    become_statuses(&database, "success 1").await;
    let logged: String = database
        .query_one("select event_type || ' ' || endpoint_name from walhook.webhook_log", &[])
        .await;
    assert_eq!(logged, "webhook.test crm");
    daemon.stop().await;
    assert_eq!(hooks.len(), 1);
}

#[tokio::test]
async fn a_cancellation_left_in_an_open_transaction_holds_up_nobody() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match (hook.number("n"), hook.attempt()) {
            (1, 1) => Reply::Status(500),
            (1, _) => latch.then_ok(),
            _ => Reply::Status(200),
        }
    })
    .await;
    let daemon = site(&database, &hooks, "").up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(2).await;
    let other = database.connect().await;
    other.client.batch_execute("begin").await.unwrap();
    let cancel = format!("select action from walhook.cancel({})", delivery(1));
    let action: String = other.client.query_one(&cancel, &[]).await.unwrap().get(0);
    assert_eq!(action, "cancel");
    // Its outcome comes while its row is locked.
    latch.open();
    database.execute("insert into items (n) values (2), (3)").await;
    database
        .becomes_true("select count(*) = 3 from walhook.webhook_log where status = 'success'")
        .await;
    let waiting: i64 = database.query_one("select count(*) from walhook.pending", &[]).await;
    assert_eq!(waiting, 1, "its row stays until the transaction ends");
    other.client.batch_execute("commit").await.unwrap();
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    assert_eq!(database.statuses("crm").await, "success 3", "the attempt was under way already");
    daemon.stop().await;
    assert_eq!(hooks.len(), 4);
}
