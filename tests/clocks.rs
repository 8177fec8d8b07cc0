//! Clocks that step while deliveries are under way. Needs libfaketime; the machine's clock stays.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod support;

use std::time::{Duration, Instant};

use support::clocks::Clocks;
use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::Pg;

const ITEMS: &str = "create table items (id bigint generated always as identity primary key)";

/// How long a stepped clock may take to be looked at; see `FAKETIME_CACHE_DURATION`.
const CACHED: Duration = Duration::from_millis(1100);

fn clocks() -> Option<Clocks> {
    let clocks = Clocks::find();
    if clocks.is_none() {
        println!("skipped: libfaketime is not installed");
    }
    clocks
}

fn timestamps(hooks: &[Hook]) -> Vec<i64> {
    hooks.iter().map(|hook| hook.header("x-webhook-timestamp").parse().unwrap()).collect()
}

#[tokio::test]
async fn the_daemons_clock_may_step_between_attempts_and_retries_come_on_time() {
    const HOUR: i64 = 3600;
    let Some(mut clocks) = clocks() else { return };
    let database = Pg::shared().database().await;
    database.execute(ITEMS).await;
    let hooks = Hooks::start(|hook| match hook.attempt() {
        4 => Reply::Status(200),
        _ => Reply::Status(500),
    })
    .await;
    let retry = "retry = { schedule = [\"2s\", \"2s\", \"2s\"], jitter = 0.0 }";
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), retry))
        .with_variables(clocks.for_daemon());
    let daemon = site.up().await;
    let began = Instant::now();
    database.execute("insert into items default values").await;
    for (attempt, step) in [(1, HOUR), (2, -HOUR), (3, 0)] {
        hooks.arrived(attempt).await;
        clocks.step(step, 0);
    }
    let received = hooks.arrived(4).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let times = timestamps(&received);
    assert!(times[1] - times[0] > HOUR / 2, "it did step: {times:?}");
    assert!(times[1] - times[2] > HOUR, "and back: {times:?}");
    assert!(received.iter().all(|hook| hook.body() == received[0].body()));
    database
        .becomes_true("select status = 'success' and attempts = 4 from walhook.webhook_log")
        .await;
    daemon.stop().await;
    assert_eq!(hooks.len(), 4);
}

#[tokio::test]
async fn the_servers_clock_may_step_and_kill_9_repeats_nothing_that_was_logged() {
    let Some(mut clocks) = clocks() else { return };
    let pg = Pg::start_in(&[], clocks.for_server());
    let database = pg.database().await;
    database.execute(ITEMS).await;
    let hooks = Hooks::ok().await;
    // It holds the watermark, so that everything behind it is read again.
    let latch = Latch::new();
    let slow = Hooks::start({
        let latch = latch.clone();
        move |hook| match hook.number("id") % 101 {
            1 => latch.then_ok(),
            _ => Reply::Status(200),
        }
    })
    .await;
    let config = endpoint("crm", &hooks.url("/"), "") + &endpoint("slow", &slow.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let mut daemon = site.up().await;
    let mut rows = 0;
    // Ids begin with the commit time: some of what comes later has smaller ones.
    for seconds in [0, -600, 600, -300] {
        clocks.step(0, seconds);
        tokio::time::sleep(CACHED).await;
        database.execute("insert into items select from generate_series(1, 100)").await;
        rows += 100;
        let logged = format!(
            "select count(*) = {rows} from walhook.webhook_log \
             where endpoint_name = 'crm' and status = 'success'"
        );
        database.becomes_true(&logged).await;
        daemon.kill().await;
        daemon = site.run().await;
        database.execute("insert into items default values").await;
        rows += 1;
        let received = hooks.arrived(rows).await;
        assert_eq!(received.len(), rows, "logged, and sent again after {seconds} s");
    }
    latch.open();
    let all =
        format!("select count(*) = 2 * {rows} from walhook.webhook_log where status = 'success'");
    database.becomes_true(&all).await;
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, format!("success {rows}"));
    assert_eq!(database.statuses("slow").await, format!("success {rows}"));
}
