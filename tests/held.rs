//! What waits in the queue: how much it is, and how long endpoints out of service keep it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Latch, Reply};
use support::ops::{ask, becomes, free_address};
use support::pg::{Database, Pg};

const PAUSE: &str = "update walhook.endpoint set state = 'paused' where name = 'crm'";
const RESUME: &str = "update walhook.endpoint set state = 'active' where name = 'crm'";

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, n int)").await;
    database
}

/// Whether so many rows are in the queue, and counted.
fn counted(rows: i64) -> String {
    format!(
        "select (select count(*) from walhook.pending) = {rows} \
         and    (select coalesce(sum(change), 0) from walhook.queue_count) = {rows}"
    )
}

#[tokio::test]
async fn what_waits_is_counted_whoever_changes_it_and_however_the_daemon_ends() {
    let database = items().await;
    let (hooks, address) = (Hooks::ok().await, free_address().await);
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""))
        .with_variable("WALHOOK_OPS__LISTEN", &address);
    let daemon = site.up().await;
    database.execute(PAUSE).await;
    daemon.says("endpoint changed state").await;
    database.execute("insert into items select generate_series(1, 300)").await;
    database.becomes_true(&counted(300)).await;
    daemon.kill().await;
    database.execute("delete from walhook.pending where bytes > 0 and ctid < '(1,0)'").await;
    let left: i64 = database.query_one("select count(*) from walhook.pending", &[]).await;
    assert!((1..300).contains(&left));
    database.becomes_true(&counted(left)).await;
    // Whoever goes behind the triggers is found out by counting anew.
    database
        .execute(
            "begin; set local session_replication_role = replica; \
             delete from walhook.pending where delivery_id = (select max(delivery_id::text)::uuid from walhook.pending); \
             commit",
        )
        .await;
    let wrong: bool = database.query_one(&counted(left - 1), &[]).await;
    assert!(!wrong);
    let daemon = site.run().await;
    database.becomes_true(&counted(left - 1)).await;
    becomes(&address, "/readyz", 200).await;
    let gauge = format!("walhook_pending{{endpoint=\"crm\"}} {}\n", left - 1);
    while !ask(&address, "/metrics").await.contains(&gauge) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    database.execute(RESUME).await;
    hooks.arrived(left as usize - 1).await;
    database.becomes_true(&counted(0)).await;
    daemon.stop().await;
}

/// Lets time pass for what is held, and for whoever was told of it.
async fn days_pass(database: &Database, days: f64) {
    database
        .execute(&format!(
            "update walhook.pending set parked_at = parked_at - interval '{days} days'; \
             update walhook.endpoint set held_since = held_since - interval '{days} days'; \
             update walhook.alert set at = at - interval '{days} days'"
        ))
        .await;
}

#[tokio::test]
async fn what_a_paused_endpoint_holds_too_long_is_cancelled_a_day_after_an_alert() {
    let database = items().await;
    let latch = Latch::new();
    let reply = |latch: &Latch| {
        let latch = latch.clone();
        Hooks::start(move |hook| match latch.is_open() || hook.number("id") > 1 {
            true => Reply::Status(200),
            false => Reply::Status(503),
        })
    };
    let (hooks, others) = (reply(&latch).await, reply(&latch).await);
    let slow = "retry = { schedule = [\"1h\"], jitter = 0.0 }\n";
    let config = "[retention]\nheld = \"30d\"\n".to_owned()
        + &endpoint("crm", &hooks.url("/"), slow)
        + &endpoint("active", &others.url("/"), slow);
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    // A retry, what is blocked behind it, and what comes while the endpoint is paused.
    database.execute("insert into items values (1, 1)").await;
    database.becomes_true("select count(*) = 2 from walhook.pending where state = 'retry'").await;
    database.execute("update items set n = 2 where id = 1").await;
    database.becomes_true("select count(*) = 4 from walhook.pending").await;
    database.execute(PAUSE).await;
    daemon.says("endpoint changed state").await;
    database.execute("insert into items select generate_series(2, 7)").await;
    database.becomes_true("select count(*) = 10 from walhook.pending").await;
    daemon.stop().await;
    days_pass(&database, 28.5).await;
    let alerts = "select count(*) from walhook.alert where kind = 'held_expiring'";
    let daemon = site.run().await;
    database.execute("insert into items values (8)").await;
    database.becomes_true("select count(*) = 11 from walhook.pending").await;
    daemon.stop().await;
    assert_eq!(database.query_one::<i64>(alerts, &[]).await, 0, "it is not yet time");
    days_pass(&database, 1.0).await;
    for _ in 0..2 {
        let daemon = site.run().await;
        let one = format!("select ({alerts}) = 1");
        database.becomes_true(&one).await;
        daemon.stop().await;
        assert_eq!(database.query_one::<i64>(alerts, &[]).await, 1, "once");
    }
    days_pass(&database, 1.0).await;
    let daemon = site.run().await;
    database
        .becomes_true("select count(*) = 8 from walhook.webhook_log where status = 'cancelled'")
        .await;
    assert_eq!(database.statuses("crm").await, "cancelled 8, held 1", "the one that came later");
    assert_eq!(database.statuses("active").await, "pending 1, retrying 1, success 7");
    let why = "select bool_and(error_message like '%[retention] held%') from walhook.webhook_log \
               where status = 'cancelled'";
    assert!(database.query_one::<bool>(why, &[]).await);
    let bodies: i64 = database.query_one("select count(*) from walhook.body", &[]).await;
    assert_eq!(bodies, 3, "one of crm, two of the other");
    // Nothing is stuck behind what has gone.
    latch.open();
    database.execute(RESUME).await;
    database.execute("update items set n = 3 where id = 1").await;
    let received = hooks.until(|hooks| hooks.iter().any(|hook| hook.object()["n"] == 3)).await;
    assert_eq!(received.iter().filter(|hook| hook.object()["n"] == 2).count(), 0);
    daemon.stop().await;
}
