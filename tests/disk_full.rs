//! The log's disk is full: nothing is lost, nothing is sent without end, and operators see it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod support;

use std::collections::HashSet;

use support::daemon::{Daemon, Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::mount::{MOVE_LOG, Mount};
use support::ops::{becomes, free_address};
use support::pg::{Database, Pg};

/// Outcomes that may wait for the log before new attempts stop.
const MOST_UNLOGGED: usize = 10_000;

const ITEMS: &str = "create table items (id bigint generated always as identity primary key)";

/// What PostgreSQL says when a table cannot grow.
const FILL: &str = "create function no_space() returns trigger language plpgsql as $$ begin \
     raise exception 'could not extend file: No space left on device' using errcode = '53100'; \
     end $$; \
     create trigger no_space before insert on walhook.attempt \
     for each row execute function no_space(); \
     create trigger no_space before insert on walhook.pending \
     for each row execute function no_space()";

const FREE: &str =
    "drop trigger no_space on walhook.attempt; drop trigger no_space on walhook.pending";

async fn site(database: &Database, hooks: &Hooks) -> (Site, String) {
    database.execute(ITEMS).await;
    let address = free_address().await;
    let config = endpoint("crm", &hooks.url("/"), "max_in_flight = 32");
    let site = Site::new(database, &["public.items"], &config)
        .with_variable("WALHOOK_OPS__LISTEN", &address);
    site.init().await;
    (site, address)
}

async fn insert(database: &Database, rows: usize) {
    let sql = format!("insert into items select from generate_series(1, {rows})");
    database.execute(&sql).await;
}

fn distinct(hooks: &[Hook]) -> usize {
    hooks.iter().map(|hook| hook.number("id")).collect::<HashSet<_>>().len()
}

/// Waits until the daemon has tried in vain to write the log once more.
async fn tries_again(daemon: &Daemon) {
    let words = "the log cannot be written; trying again";
    let before = daemon.log().matches(words).count();
    daemon.says_again(words, before + 1).await;
}

#[tokio::test]
async fn a_full_log_stops_attempts_at_ten_thousand_and_redelivers_nothing() {
    const ROWS: usize = 12_000;
    let (database, hooks) = (Pg::shared().database().await, Hooks::ok().await);
    let (site, address) = site(&database, &hooks).await;
    let daemon = site.run().await;
    becomes(&address, "/readyz", 200).await;
    database.execute(FILL).await;
    insert(&database, ROWS).await;
    hooks.arrived(MOST_UNLOGGED).await;
    let answer = becomes(&address, "/readyz", 503).await;
    assert!(answer.contains("the log cannot be written"), "{answer}");
    // Twice: whatever was under way has ended.
    tries_again(&daemon).await;
    tries_again(&daemon).await;
    let sent = hooks.len();
    assert!(sent <= MOST_UNLOGGED + 32, "{sent} were sent, and nobody can write that down");
    assert_eq!(database.query_one::<i64>("select count(*) from walhook.attempt", &[]).await, 0);
    becomes(&address, "/healthz", 200).await;
    database.execute(FREE).await;
    hooks.arrived(ROWS).await;
    database.becomes_true(&format!("select count(*) = {ROWS} from walhook.attempt")).await;
    becomes(&address, "/readyz", 200).await;
    daemon.stop().await;
    assert_eq!(hooks.len(), ROWS, "nothing is sent twice");
    assert_eq!(database.statuses("crm").await, format!("success {ROWS}"));
}

#[tokio::test]
async fn what_a_full_log_could_not_take_comes_again_after_kill_9_and_no_more() {
    let (database, hooks) = (Pg::shared().database().await, Hooks::ok().await);
    let (site, _) = site(&database, &hooks).await;
    let daemon = site.run().await;
    insert(&database, 100).await;
    database.becomes_true("select count(*) = 100 from walhook.attempt").await;
    database.execute(FILL).await;
    insert(&database, 100).await;
    hooks.arrived(200).await;
    tries_again(&daemon).await;
    daemon.kill().await;
    database.execute(FREE).await;
    let daemon = site.run().await;
    let hooks = hooks.arrived(300).await;
    assert_eq!(distinct(&hooks), 200);
    assert!(hooks[200..].iter().all(|hook| hook.number("id") > 100), "those were logged");
    database.becomes_true("select count(*) = 200 from walhook.attempt").await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_disk_that_is_really_full_costs_nothing_but_time() {
    let pg = Pg::start();
    let Some(disk) = Mount::make("64m", &pg.cluster().data_dir()) else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let (database, hooks) = (pg.database().await, Hooks::ok().await);
    let (site, address) = site(&database, &hooks).await;
    let place = disk.path().display();
    database.execute(&format!("create tablespace small location '{place}'")).await;
    database.execute(MOVE_LOG).await;
    let daemon = site.run().await;
    insert(&database, 100).await;
    database.becomes_true("select count(*) = 100 from walhook.attempt").await;
    let mut rows = 100;
    for _ in 0..2 {
        disk.fill().unwrap();
        // Pages that have room yet take some.
        insert(&database, 2000).await;
        becomes(&address, "/readyz", 503).await;
        rows += 2000;
        hooks.arrived(rows).await;
        disk.free().unwrap();
        let logged = format!("select count(*) = {rows} from walhook.attempt");
        database.becomes_true(&logged).await;
        becomes(&address, "/readyz", 200).await;
    }
    let log = daemon.stop().await;
    assert!(log.contains("No space left on device"), "{log}");
    assert_eq!(hooks.len(), rows, "nothing is sent twice");
    assert_eq!(database.statuses("crm").await, format!("success {rows}"));
    drop((database, pg));
    drop(disk);
}
