//! The network between walhook and PostgreSQL: cut without a word, frozen, gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::pg::{Database, Pg};
use support::proxy::Proxy;

const TABLE: &str = "create table items (id bigint generated always as identity primary key)";

/// A server that gives up silent clients soon, so that its clients do so too.
fn impatient() -> Pg {
    Pg::start_with(&[("wal_sender_timeout", "2s")])
}

/// A database, a way to it that can be cut, and an installation that goes that way.
async fn site(pg: &Pg, hooks: &Hooks) -> (Database, Proxy, Site) {
    let database = pg.database().await;
    database.execute(TABLE).await;
    let port = pg.cluster().port();
    let proxy = Proxy::open(port).await.unwrap();
    let url = proxy.through(&database.url) + "?connect_timeout=2";
    let config = endpoint("crm", &hooks.url("/"), "");
    let site = Site::at((&url, &database.name), &["public.items"], &config);
    site.init().await;
    (database, proxy, site)
}

async fn insert(database: &Database, rows: usize) {
    let sql = format!("insert into items select from generate_series(1, {rows})");
    database.execute(&sql).await;
}

/// Waits until so many different rows have come; each must have come once.
async fn each_once(hooks: &Hooks, rows: usize) {
    let distinct = |hooks: &[Hook]| hooks.iter().map(|h| h.number("id")).collect::<HashSet<_>>();
    let hooks = hooks.until(|hooks| distinct(hooks).len() == rows).await;
    assert_eq!(hooks.len(), rows, "the same process sends nothing twice");
}

#[tokio::test]
async fn connections_that_die_without_a_word_are_left_and_made_anew() {
    let (pg, hooks) = (impatient(), Hooks::ok().await);
    let (database, proxy, site) = site(&pg, &hooks).await;
    let daemon = site.run().await;
    for round in 1..=2 {
        insert(&database, 50).await;
        hooks.arrived(round * 100 - 50).await;
        // Also while a batch of the log is on its way.
        proxy.forget();
        insert(&database, 50).await;
        daemon.says_again("replication streams again", round).await;
        each_once(&hooks, round * 100).await;
        let logged = format!("select count(*) = {} from walhook.attempt", round * 100);
        database.becomes_true(&logged).await;
    }
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, "success 200");
}

#[tokio::test]
async fn a_network_that_freezes_and_goes_on_costs_nothing() {
    let (pg, hooks) = (impatient(), Hooks::ok().await);
    let (database, proxy, site) = site(&pg, &hooks).await;
    let daemon = site.run().await;
    let mut rows = 0;
    // Shorter and longer than both ends' patience.
    for time in [Duration::from_millis(500), Duration::from_secs(5)] {
        insert(&database, 100).await;
        hooks.arrived(rows + 10).await;
        proxy.freeze();
        insert(&database, 100).await;
        tokio::time::sleep(time).await;
        proxy.thaw();
        rows += 200;
        each_once(&hooks, rows).await;
    }
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, format!("success {rows}"));
}

#[tokio::test]
async fn no_attempt_begins_once_the_server_has_been_silent_too_long() {
    let (pg, hooks) = (impatient(), Hooks::ok().await);
    let (database, proxy, site) = site(&pg, &hooks).await;
    let slow = "rate_limit_per_second = 5\nordering = \"none\"";
    site.configure(&endpoint("crm", &hooks.url("/"), slow));
    let daemon = site.run().await;
    insert(&database, 1000).await;
    hooks.arrived(3).await;
    proxy.freeze();
    daemon.says("replication broke").await;
    let sent = hooks.len();
    // A second daemon may have the slot by now.
    daemon.says("cannot reconnect yet").await;
    assert!(hooks.len() <= sent + 1, "{} after {sent}", hooks.len());
    proxy.forget();
    daemon.says("replication streams again").await;
    hooks.arrived(sent + 3).await;
    daemon.kill().await;
}

#[tokio::test]
async fn a_server_that_takes_a_connection_and_says_nothing_is_tried_again() {
    let (pg, hooks) = (impatient(), Hooks::ok().await);
    let (database, proxy, site) = site(&pg, &hooks).await;
    proxy.freeze();
    let daemon = site.start();
    daemon.says("not streaming; trying again").await;
    proxy.forget();
    daemon.says("streaming").await;
    insert(&database, 10).await;
    each_once(&hooks, 10).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_standby_takes_over_from_a_holder_that_was_cut_off() {
    let (pg, hooks) = (impatient(), Hooks::ok().await);
    let (database, proxy, cut_off) = site(&pg, &hooks).await;
    let config = endpoint("crm", &hooks.url("/"), "");
    let beside = Site::new(&database, &["public.items"], &config);
    let first = cut_off.run().await;
    insert(&database, 100).await;
    hooks.arrived(100).await;
    database.becomes_true("select count(*) = 100 from walhook.attempt").await;
    let second = beside.start();
    second.says("not streaming; trying again").await;
    proxy.freeze();
    let cut = Instant::now();
    insert(&database, 100).await;
    second.says("streaming").await;
    assert!(cut.elapsed() < Duration::from_secs(15), "{:?}", cut.elapsed());
    insert(&database, 100).await;
    each_once(&hooks, 300).await;
    proxy.forget();
    first.says("replication broke").await;
    database.becomes_true("select count(*) = 300 from walhook.attempt").await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_while_the_reader_waits_for_room() {
    let (pg, hooks) = (impatient(), Hooks::ok().await);
    let (database, proxy, site) = site(&pg, &hooks).await;
    site.configure(
        &("[delivery]\nmemory_budget_mb = 1\n".to_owned() + &endpoint("crm", &hooks.url("/"), "")),
    );
    database.execute("alter table items add filling text").await;
    let daemon = site.run().await;
    // Everything goes to the queue, as fast as that takes it.
    database.execute("update walhook.endpoint set state = 'paused'").await;
    daemon.says("endpoint changed state").await;
    let rows = 40_000;
    let insert = format!(
        "insert into items (filling) select repeat('x', 500) from generate_series(1, {rows})"
    );
    database.execute(&insert).await;
    database.becomes_true("select count(*) > 1000 from walhook.pending").await;
    proxy.forget();
    daemon.says("replication streams again").await;
    database.becomes_true(&format!("select count(*) = {rows} from walhook.pending")).await;
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, format!("held {rows}"));
}
