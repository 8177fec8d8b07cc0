//! The queue in PostgreSQL: what a slow, dead or gone receiver leaves behind, and in which order
//! it leaves again. A receiver's trouble is its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, PATIENCE, Reply};
use support::inbound::installed;
use support::pg::{Database, Pg};
use walhook::store::STATEMENTS;

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

fn numbers(hooks: &[Hook]) -> Vec<i64> {
    hooks.iter().map(|hook| hook.number("n")).collect()
}

/// Whether everything committed so far is confirmed to PostgreSQL.
async fn everything_is_confirmed(database: &Database) {
    everything_is_confirmed_with(database, "insert into items (n) values (-1)").await;
}

async fn everything_is_confirmed_with(database: &Database, insert: &str) {
    let now: String = database.query_one("select pg_current_wal_insert_lsn()::text", &[]).await;
    // Something behind it, since the confirmed LSN is that of a commit.
    database.execute(insert).await;
    database
        .becomes_true(&format!(
            "select confirmed_flush_lsn >= '{now}' from pg_replication_slots where slot_name = '{}'",
            database.name
        ))
        .await;
}

#[tokio::test]
async fn a_hanging_receiver_delays_neither_its_neighbour_nor_the_slot_and_gets_all_in_order() {
    const ROWS: i64 = 20_000;
    const FAST: i64 = 2_000;
    let database = items().await;
    let latch = Latch::new();
    // One hangs from the start, one was fast before: a lane must not live on its past.
    let hanging_after = |fast: i64| {
        let latch = latch.clone();
        Hooks::start(move |hook| match hook.number("n") <= fast {
            true => Reply::Status(200),
            false => latch.then_ok(),
        })
    };
    let (hanging, stalling) = (hanging_after(0).await, hanging_after(FAST).await);
    let neighbour = Hooks::ok().await;
    let patient = "ordering = \"endpoint\"\ntimeout = \"10m\"";
    let config = "[delivery]\nmemory_budget_mb = 1\n".to_owned()
        + &endpoint("hanging", &hanging.url("/"), patient)
        + &endpoint("stalling", &stalling.url("/"), patient)
        + &endpoint("neighbour", &neighbour.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    let began = Instant::now();
    for first in (1..ROWS).step_by(1000) {
        let insert =
            format!("insert into items (n) select generate_series({first}, {})", first + 999);
        database.execute(&insert).await;
    }
    let received = neighbour.arrived(ROWS as usize).await;
    println!("the neighbour had everything after {:?}", began.elapsed());
    let mut all = numbers(&received);
    all.sort_unstable();
    assert_eq!(all, (1..=ROWS).collect::<Vec<_>>());
    everything_is_confirmed(&database).await;
    assert_eq!(hanging.len(), 1, "one request is under way");
    assert_eq!(stalling.len() as i64, FAST + 1, "one request is under way");
    let resident = resident_megabytes(daemon.pid());
    println!("resident at most: {resident} MB");
    assert!(resident < 96);
    latch.open();
    let began = Instant::now();
    for receiver in [&hanging, &stalling] {
        let received = receiver.arrived(ROWS as usize + 1).await;
        assert_eq!(numbers(&received)[..ROWS as usize], (1..=ROWS).collect::<Vec<_>>());
    }
    println!("the backlog arrived within {:?}", began.elapsed());
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    database.becomes_true("select count(*) = 0 from walhook.body").await;
    daemon.stop().await;
}

/// The most it ever had.
fn resident_megabytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_dead_receivers_events_wait_in_the_queue_while_the_slot_advances() {
    let database = items().await;
    let alive = Hooks::ok().await;
    let dead = "http://127.0.0.1:9/";
    let config = endpoint("alive", &alive.url("/"), "")
        + &endpoint("dead", dead, "retry = { schedule = [\"1h\"], jitter = 0.0 }");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 300)").await;
    let received = alive.arrived(300).await;
    assert_eq!(received.len(), 300);
    everything_is_confirmed(&database).await;
    let waiting: i64 = database
        .query_one("select count(*) from walhook.webhook_log where endpoint_name = 'dead'", &[])
        .await;
    assert!(waiting >= 300, "{waiting} of 300 are accounted for");
    let succeeded = database.statuses("alive").await;
    assert_eq!(succeeded, "success 301");
    daemon.stop().await;
}

#[tokio::test]
async fn events_of_one_row_never_overtake_each_other_and_other_rows_flow() {
    const ROUNDS: i64 = 20;
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match (hook.number("id"), hook.number("n"), hook.attempt()) {
            // Row 1 is poison until the latch opens.
            (1, 0, _) if !latch.is_open() => Reply::Status(500),
            // Others stumble now and then.
            (id, n, 1) if id != 1 && (id + n) % 5 == 0 => Reply::Status(503),
            _ => Reply::Status(200),
        }
    })
    .await;
    let retry = "retry = { schedule = [\"50ms\", \"50ms\", \"50ms\", \"50ms\", \"50ms\", \"50ms\", \
                 \"50ms\", \"50ms\", \"50ms\", \"50ms\", \"50ms\", \"50ms\", \"50ms\", \"50ms\", \
                 \"50ms\", \"50ms\", \"1h\"], jitter = 0.0 }";
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), retry));
    let daemon = site.up().await;
    database.execute("insert into items (n) select 0 from generate_series(1, 10)").await;
    for _ in 0..ROUNDS {
        database.execute("update items set n = n + 1").await;
    }
    let done = |hooks: &[Hook]| {
        let last = |id| hooks.iter().any(|h| h.number("id") == id && h.number("n") == ROUNDS);
        (2..=10).all(last)
    };
    let received = hooks.until(done).await;
    assert!(received.iter().all(|h| h.number("id") != 1 || h.number("n") == 0), "row 1 waits");
    latch.open();
    let received =
        hooks.until(|h| h.iter().any(|h| h.number("id") == 1 && h.number("n") == ROUNDS)).await;
    let mut rows: HashMap<i64, Vec<i64>> = HashMap::new();
    for hook in &received {
        let seen = rows.entry(hook.number("id")).or_default();
        if hook.attempt() == 1 {
            seen.push(hook.number("n"));
        }
    }
    for (id, seen) in rows {
        assert_eq!(seen, (0..=ROUNDS).collect::<Vec<_>>(), "row {id}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_key_that_changed_is_ordered_under_its_old_and_its_new_value() {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create table items (id int primary key, n int); \
             alter table items replica identity full",
        )
        .await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match hook.number("n") {
            1 => latch.then_ok(),
            _ => Reply::Status(200),
        }
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    database.execute("insert into items values (1, 1)").await;
    hooks.arrived(1).await;
    database.execute("update items set id = 2, n = 2").await;
    database.execute("update items set n = 3").await;
    database.execute("insert into items values (1, 4)").await;
    database.execute("insert into items values (9, 9)").await;
    let received = hooks.arrived(2).await;
    assert_eq!(numbers(&received), [1, 9], "another key flows, the rest waits");
    latch.open();
    let received = hooks.arrived(5).await;
    let mut n = numbers(&received);
    assert_eq!(n[..3], [1, 9, 2], "the update of both keys comes next: {n:?}");
    n[3..].sort_unstable();
    assert_eq!(n[3..], [3, 4], "then each key goes on by itself");
    daemon.stop().await;
}

#[tokio::test]
async fn ordering_by_endpoint_holds_everything_behind_a_retry() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match (hook.number("n") % 7, hook.attempt()) {
        (3, 1 | 2) => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let site = Site::new(
        &database,
        &["public.items"],
        &endpoint("crm", &hooks.url("/"), "ordering = \"endpoint\"\nmax_in_flight = 8"),
    );
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 40)").await;
    database.execute("insert into items (n) select generate_series(41, 60)").await;
    let received = hooks.until(|h| h.last().is_some_and(|h| h.number("n") == 60)).await;
    let firsts: Vec<_> =
        received.iter().filter(|h| h.attempt() == 1).map(|h| h.number("n")).collect();
    assert_eq!(firsts, (1..=60).collect::<Vec<_>>());
    let mut last = 0;
    for hook in &received {
        let n = hook.number("n");
        assert!(n == last || n == last + 1, "{:?}", numbers(&received));
        last = n;
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_paused_endpoint_holds_its_events_and_sends_them_in_order_when_resumed() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let site = Site::new(
        &database,
        &["public.items"],
        &endpoint("crm", &hooks.url("/"), "ordering = \"endpoint\""),
    );
    let daemon = site.up().await;
    database.execute("update walhook.endpoint set state = 'paused' where name = 'crm'").await;
    daemon.says("endpoint changed state").await;
    database.execute("insert into items (n) select generate_series(1, 20)").await;
    database
        .becomes_true("select count(*) = 20 from walhook.webhook_log where status = 'held'")
        .await;
    assert_eq!(hooks.len(), 0);
    // A state set in SQL survives a restart.
    daemon.stop().await;
    let daemon = site.run().await;
    database.execute("insert into items (n) select generate_series(21, 40)").await;
    database
        .becomes_true("select count(*) = 40 from walhook.webhook_log where status = 'held'")
        .await;
    assert_eq!(hooks.len(), 0);
    database.execute("update walhook.endpoint set state = 'active' where name = 'crm'").await;
    daemon.says("endpoint changed state").await;
    database.execute("insert into items (n) select generate_series(41, 60)").await;
    let received = hooks.arrived(60).await;
    assert_eq!(numbers(&received), (1..=60).collect::<Vec<_>>());
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    assert_eq!(hooks.len(), 60);
    daemon.stop().await;
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_left_the_configuration_is_cancelled() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let kept = endpoint("kept", &hooks.url("/"), "");
    let dead = "http://127.0.0.1:9/";
    let gone = endpoint("gone", dead, "retry = { schedule = [\"1h\"], jitter = 0.0 }");
    let site = Site::new(&database, &["public.items"], &(kept.clone() + &gone));
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 10)").await;
    hooks.arrived(10).await;
    database
        .becomes_true("select count(*) = 10 from walhook.webhook_log where endpoint_name = 'gone'")
        .await;
    daemon.stop().await;
    site.configure(&kept);
    let daemon = site.run().await;
    assert_eq!(database.statuses("gone").await, "cancelled 10");
    assert_eq!(database.statuses("kept").await, "success 10");
    let left: i64 = database
        .query_one(
            "select (select count(*) from walhook.pending) + (select count(*) from walhook.body)",
            &[],
        )
        .await;
    assert_eq!(left, 0, "neither rows nor bodies stay behind");
    daemon.stop().await;
}

#[tokio::test]
async fn a_receiver_out_for_a_moment_is_soon_on_the_memory_path_again() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| if latch.is_open() { Reply::Status(200) } else { Reply::Status(503) }
    })
    .await;
    let retry = "retry = { schedule = [\"200ms\", \"200ms\", \"200ms\", \"200ms\", \"200ms\", \
                 \"200ms\", \"200ms\", \"200ms\", \"200ms\", \"200ms\", \"200ms\", \"200ms\"], \
                 jitter = 0.0 }\nfailure_rest = [\"50ms\"]";
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), retry));
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 2000)").await;
    hooks.arrived(5).await;
    latch.open();
    database
        .becomes_true("select count(*) = 2000 from walhook.webhook_log where status = 'success'")
        .await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    // What comes now is never parked.
    database
        .execute(
            "create table parked (); \
             create function public.note() returns trigger language plpgsql as \
             $$ begin insert into public.parked default values; return null; end $$; \
             create trigger note after insert on walhook.pending \
             for each row execute function public.note()",
        )
        .await;
    database.execute("insert into items (n) select generate_series(2001, 2100)").await;
    database
        .becomes_true("select count(*) = 2100 from walhook.webhook_log where status = 'success'")
        .await;
    daemon.stop().await;
    let parked: i64 = database.query_one("select count(*) from parked", &[]).await;
    assert_eq!(parked, 0);
}

#[tokio::test]
async fn a_delivery_that_ends_just_when_it_is_moved_to_the_queue_ends_once() {
    // A delivery that has held the slot for 2 s gets a row in the queue. Whatever happens to it
    // around then must reach that row.
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.attempt() {
        1 => Reply::Silence,
        _ => Reply::Status(200),
    })
    .await;
    let mut config = String::new();
    for milliseconds in (2000..2080).step_by(10) {
        let timeout = format!("timeout = \"{milliseconds}ms\"");
        config += &endpoint(&format!("e{milliseconds}"), &hooks.url("/"), &timeout);
    }
    let endpoints = config.matches("[[endpoints]]").count();
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    let began = Instant::now();
    let second = |hooks: &[Hook]| hooks.iter().filter(|h| h.attempt() == 2).count();
    hooks.until(move |hooks| second(hooks) == endpoints).await;
    assert!(began.elapsed() < PATIENCE - Duration::from_secs(10), "{:?}", began.elapsed());
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    daemon.stop().await;
}

#[tokio::test]
async fn success_just_when_it_is_moved_to_the_queue_leaves_no_row_behind() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let site = Site::new(
        &database,
        &["public.items"],
        &endpoint("crm", &hooks.url("/"), "ordering = \"none\"\nmax_in_flight = 100"),
    );
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 100)").await;
    hooks.arrived(100).await;
    database.becomes_true("select count(*) > 0 from walhook.pending").await;
    latch.open();
    database.becomes_true("select count(*) = 100 from walhook.attempt").await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    daemon.stop().await;
}

#[tokio::test]
async fn where_the_endpoint_orders_a_far_retry_delays_no_neighbour() {
    const ROWS: i64 = 5_000;
    let database = items().await;
    let stuck = Hooks::start(|hook| match hook.number("n") {
        0 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let neighbour = Hooks::ok().await;
    let settings = "ordering = \"endpoint\"\nfailure_rest = [\"10ms\"]\n\
                    retry = { schedule = [\"1h\"], jitter = 0.0 }";
    let config = "[delivery]\nmemory_budget_mb = 1\n".to_owned()
        + &endpoint("stuck", &stuck.url("/"), settings)
        + &endpoint("neighbour", &neighbour.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items (n) values (0)").await;
    database.becomes_true("select count(*) = 1 from walhook.pending where state = 'retry'").await;
    for first in (1..ROWS).step_by(1000) {
        let insert =
            format!("insert into items (n) select generate_series({first}, {})", first + 999);
        database.execute(&insert).await;
    }
    neighbour.arrived(ROWS as usize + 1).await;
    everything_is_confirmed(&database).await;
    assert_eq!(stuck.len(), 1, "nothing overtakes the retry");
    daemon.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_with_large_bodies_delays_no_neighbour() {
    let database = Pg::shared().database().await;
    database.execute("create table items (n int primary key, filling text)").await;
    let latch = Latch::new();
    let hanging = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let neighbour = Hooks::ok().await;
    let config = "[delivery]\nmemory_budget_mb = 1\n".to_owned()
        + &endpoint("hanging", &hanging.url("/"), "timeout = \"10m\"\nmax_in_flight = 2")
        + &endpoint("neighbour", &neighbour.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    // Each of the first is larger than an endpoint's share.
    let large = "insert into items select n, repeat('x', 1000000) from generate_series(1, 6) as n";
    database.execute(large).await;
    hanging.arrived(2).await;
    for n in 7..=106 {
        database.execute(&format!("insert into items values ({n}, '')")).await;
    }
    neighbour.arrived(106).await;
    everything_is_confirmed_with(&database, "insert into items values (-1, '')").await;
    // So does one that hangs with what was read from the queue.
    database.becomes_true("select count(*) > 100 from walhook.pending").await;
    latch.open();
    let received = hanging.arrived(107).await;
    let mut all = numbers(&received);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 107);
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    daemon.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_now_and_then_can_be_paused_and_resumed() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.number("id") % 3 {
        0 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let settings = "ordering = \"none\"\nfailure_rest = [\"1ms\"]\nrate_limit_per_second = 200\n\
                    retry = { schedule = [\"20ms\"], jitter = 0.0 }";
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), settings));
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 3000)").await;
    hooks.arrived(100).await;
    database.execute("update walhook.endpoint set state = 'paused' where name = 'crm'").await;
    daemon.says("endpoint changed state").await;
    assert!(hooks.len() < 2000, "{} were sent before the pause was heard", hooks.len());
    database.execute("update walhook.endpoint set state = 'active' where name = 'crm'").await;
    daemon.says_again("endpoint changed state", 2).await;
    daemon.stop().await;
}

#[tokio::test]
async fn what_waits_for_an_endpoint_goes_on_waiting_while_the_configuration_disables_it() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| if latch.is_open() { Reply::Status(200) } else { Reply::Status(503) }
    })
    .await;
    let neighbour = Hooks::ok().await;
    let config = |enabled: &str| {
        let retry = "retry = { schedule = [\"2s\", \"2s\", \"2s\"], jitter = 0.0 }\n".to_owned();
        endpoint("crm", &hooks.url("/"), &(retry + enabled))
            + &endpoint("neighbour", &neighbour.url("/"), "")
    };
    let site = Site::new(&database, &["public.items"], &config(""));
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    database.becomes_true("select count(*) = 1 from walhook.pending where state = 'retry'").await;
    daemon.stop().await;
    let before = hooks.len();
    latch.open();
    site.configure(&config("enabled = false"));
    let daemon = site.run().await;
    database.execute("insert into items (n) values (2)").await;
    neighbour.arrived(2).await;
    database.becomes_true("select next_at < now() - interval '300 ms' from walhook.pending").await;
    daemon.stop().await;
    assert_eq!(hooks.len(), before, "it is out of service");
    site.configure(&config(""));
    let daemon = site.run().await;
    database.execute("insert into items (n) values (3)").await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    let received = hooks.until(|h| h.iter().any(|h| h.number("n") == 3)).await;
    assert!(received[before..].iter().any(|hook| hook.number("n") == 1), "it had waited");
    assert!(received.iter().all(|hook| hook.number("n") != 2), "nothing is made meanwhile");
    daemon.stop().await;
}

#[tokio::test]
async fn an_operator_who_leaves_a_change_of_an_endpoint_open_holds_up_nobody() {
    let database = items().await;
    let moody = Hooks::start(|hook| match (hook.number("n"), hook.attempt()) {
        (1, 1) => Reply::Status(503),
        _ => Reply::Status(200),
    })
    .await;
    let neighbour = Hooks::ok().await;
    let retry = "retry = { schedule = [\"100ms\"], jitter = 0.0 }\nfailure_rest = [\"10ms\"]";
    let config =
        endpoint("moody", &moody.url("/"), retry) + &endpoint("neighbour", &neighbour.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    let operator = database.connect().await;
    let change = "begin; update walhook.endpoint set state = state where name = 'moody'";
    operator.client.batch_execute(change).await.unwrap();
    database.execute("insert into items (n) select generate_series(1, 10)").await;
    database
        .becomes_true("select count(*) = 20 from walhook.webhook_log where status = 'success'")
        .await;
    let version = "select fare_version from walhook.endpoint where name = 'moody'";
    assert_eq!(database.query_one::<i64>(version, &[]).await, 0);
    operator.client.batch_execute("commit").await.unwrap();
    database
        .becomes_true("select fare_version > 0 from walhook.endpoint where name = 'moody'")
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_backlog_of_retries_does_not_starve_first_attempts() {
    const ROWS: usize = 60;
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| if latch.is_open() { Reply::Status(200) } else { Reply::Status(503) }
    })
    .await;
    // Slow enough that the backlog lasts for seconds.
    let rest = "ordering = \"none\"\nrate_limit_per_second = 20\n\
                retry = { schedule = [\"6s\"], jitter = 0.0 }";
    let config = endpoint("crm", &hooks.url("/"), rest);
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute(&format!("insert into items (n) select generate_series(1, {ROWS})")).await;
    hooks.arrived(ROWS).await;
    latch.open();
    let retried = hooks.until(|hooks| hooks.iter().any(|hook| hook.attempt() == 2)).await.len();
    database.execute("insert into items (n) values (1000)").await;
    let received = hooks.until(|hooks| hooks.iter().any(|hook| hook.number("n") == 1000)).await;
    let between = received.len() - retried;
    assert!(between < ROWS / 2, "{between} retries went first");
    hooks.arrived(2 * ROWS + 1).await;
    daemon.stop().await;
}

/// Of one event, for an endpoint that is gone and one that is not, under two templates.
const TWO_SHAPES: &str = "
    insert into walhook.endpoint (name, url, signature)
    values ('gone', 'https://a.example.com', '{standard}'), ('here', 'https://b.example.com', '{standard}');
    update walhook.endpoint set removed_at = now() where name = 'gone';
    insert into walhook.body (event_id, shape, body) values ('evt_1', 1, '{}'), ('evt_1', 2, '{}');
    insert into walhook.pending
           (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash, former_key_hash, shape,
            bytes, state, next_at)
    select gen_random_uuid(), e.id, '0/1', 1, 'evt_1', 'a.b', now(), 1, 1, case e.name when 'gone' then 1 else 2 end,
           2, 'retry', now() + interval '1 h'
    from   walhook.endpoint as e";

#[tokio::test]
async fn a_body_that_a_cancelled_row_came_to_share_stays_for_the_other() {
    let database = installed(Pg::shared()).await;
    database.execute(TWO_SHAPES).await;
    let (name, cancel) = ("cancel_pending", database.connect().await);
    let (_, cancel_pending) = STATEMENTS.iter().find(|(other, _)| *other == name).unwrap();
    let rescheduled =
        "begin; update walhook.pending set shape = 2, version = version + 1 where shape = 1";
    database.execute(rescheduled).await;
    let cancelling = tokio::spawn(async move { cancel.client.query(*cancel_pending, &[]).await });
    let watching = database.connect().await;
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '-- cancel_pending%' \
                 and datname = current_database()";
    while watching.client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
    database.execute("commit").await;
    let cancelled: i64 = cancelling.await.unwrap().unwrap()[0].get(0);
    assert_eq!(cancelled, 1);
    let left =
        "select count(*) from walhook.pending as p join walhook.body as b using (event_id, shape)";
    assert_eq!(database.query_one::<i64>(left, &[]).await, 1, "it can still be sent");
}
