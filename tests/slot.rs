//! The slot and the server as an operator may have left them: each state has a message of its
//! own, and `/readyz` tells.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Instant;

use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Latch, PATIENCE};
use support::ops::{becomes, free_address};
use support::pg::{Database, Pg};

const END_WALSENDER: &str = "select pg_terminate_backend(active_pid) from pg_replication_slots \
                             where slot_name = current_database()";

async fn site(pg: &Pg, hooks: &Hooks) -> (Database, Site) {
    let database = pg.database().await;
    database.execute("create table items (id int primary key)").await;
    let config = endpoint("crm", &hooks.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    (database, site)
}

/// Runs the daemon, which must give up by itself; returns the end of what it said.
async fn gives_up(site: &Site) -> String {
    let (status, log) = site.start().ended().await;
    assert_eq!(status.code(), Some(1), "{log}");
    let (_, last) = log.rsplit_once("walhook: ").unwrap_or(("", &log));
    last.to_owned()
}

#[tokio::test]
async fn a_daemon_without_init_names_the_command() {
    let hooks = Hooks::ok().await;
    let (_database, site) = site(Pg::shared(), &hooks).await;
    let said = gives_up(&site).await;
    assert!(said.contains("walhook init"), "{said}");
}

#[tokio::test]
async fn a_daemon_on_the_schema_of_an_older_version_names_the_command() {
    let hooks = Hooks::ok().await;
    let (database, site) = site(Pg::shared(), &hooks).await;
    site.init().await;
    let newest = "delete from walhook.migration where version = (select max(version) from walhook.migration)";
    database.execute(newest).await;
    let needed: i32 =
        database.query_one("select max(version) + 1 from walhook.migration", &[]).await;
    let said = gives_up(&site).await;
    let wanted = format!("this walhook needs {needed}: run `walhook init`");
    assert!(said.contains(&wanted), "{said}");
}

#[tokio::test]
async fn a_slot_that_is_gone_or_of_another_kind_is_named() {
    let hooks = Hooks::ok().await;
    let (database, site) = site(Pg::shared(), &hooks).await;
    let slot = &database.name;
    site.init().await;
    database.execute(&format!("select pg_drop_replication_slot('{slot}')")).await;
    let said = gives_up(&site).await;
    assert!(said.contains(slot) && said.contains("does not exist"), "{said}");
    let gaps: i64 =
        database.query_one("select count(*) from walhook.alert where kind = 'gap'", &[]).await;
    assert_eq!(gaps, 1, "never silence");
    database.execute(&format!("select pg_create_physical_replication_slot('{slot}')")).await;
    let said = gives_up(&site).await;
    assert!(said.contains(slot), "{said}");
    database.execute(&format!("select pg_drop_replication_slot('{slot}')")).await;
    // init begins anew, and what comes after it arrives.
    site.init().await;
    database.execute("insert into items values (1)").await;
    let daemon = site.run().await;
    hooks.arrived(1).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_slot_that_somebody_moved_on_is_a_gap_with_an_alert() {
    let hooks = Hooks::ok().await;
    let (database, site) = site(Pg::shared(), &hooks).await;
    site.up().await.stop().await;
    database.execute("insert into items values (1)").await;
    database
        .execute(&format!(
            "select pg_replication_slot_advance('{}', pg_current_wal_lsn())",
            database.name
        ))
        .await;
    let daemon = site.run().await;
    let line = daemon.says("WAL is missing").await;
    assert!(line["message"].as_str().unwrap().contains("advanced"), "{line}");
    database.execute("insert into items values (2)").await;
    let received = hooks.arrived(1).await;
    assert_eq!(received[0].number("id"), 2, "on_gap = continue goes on");
    let gaps: i64 =
        database.query_one("select count(*) from walhook.alert where kind = 'gap'", &[]).await;
    assert_eq!(gaps, 1);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readyz_follows_the_server() {
    let pg = Pg::start();
    let hooks = Hooks::ok().await;
    let (database, site) = site(&pg, &hooks).await;
    let address = free_address().await;
    let site = site.with_variable("WALHOOK_OPS__LISTEN", &address);
    let daemon = site.up().await;
    becomes(&address, "/readyz", 200).await;
    database.execute("insert into items values (1)").await;
    hooks.arrived(1).await;
    tokio::task::block_in_place(|| pg.cluster().stop());
    becomes(&address, "/readyz", 503).await;
    becomes(&address, "/healthz", 200).await;
    tokio::task::block_in_place(|| pg.cluster().restart().unwrap());
    becomes(&address, "/readyz", 200).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_slot_that_will_be_lost_is_told_of_with_the_time_left() {
    let pg = Pg::start_with(&[("max_slot_wal_keep_size", "512MB")]);
    let hooks = Hooks::ok().await;
    let (database, site) = site(&pg, &hooks).await;
    let daemon = site.up().await;
    // The log cannot be written, so nothing is confirmed while WAL is.
    let locker = database.connect().await;
    let lock = "begin; lock table walhook.attempt in share mode";
    locker.client.batch_execute(lock).await.unwrap();
    database.execute("insert into items values (1)").await;
    hooks.arrived(1).await;
    let write = "select pg_logical_emit_message(false, 'filling', repeat('x', 400000))";
    let alerts = "select count(*) from walhook.alert where kind = 'slot_at_risk' \
                  and (details ->> 'seconds_to_loss')::int between 1 and 3600";
    let deadline = Instant::now() + PATIENCE;
    while database.query_one::<i64>(alerts, &[]).await == 0 {
        assert!(Instant::now() < deadline, "no alert:\n{}", daemon.log());
        database.execute(write).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (_, status, _) = site.walhook(&["status"]).await;
    assert!(
        status.contains("lost after another") && status.contains(", in about 0 h "),
        "{status}"
    );
    locker.client.batch_execute("rollback").await.unwrap();
    daemon.stop().await;
    assert_eq!(database.query_one::<i64>(alerts, &[]).await, 1);
}

#[tokio::test]
async fn a_daemon_that_took_the_slot_and_did_not_hear_of_it_goes_on_and_sends_nothing_again() {
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let (database, site) = site(Pg::shared(), &hooks).await;
    let daemon = site.up().await;
    database.execute("insert into items values (1)").await;
    hooks.arrived(1).await;
    // As if the network had swallowed the answer, and then everything.
    let take = "select o.epoch, t.* from walhook.owner as o, \
                lateral walhook.take_slot(o.slot, o.host, o.pid, o.holder) as t";
    database.execute(take).await;
    database.execute(END_WALSENDER).await;
    daemon.says("replication streams again").await;
    latch.open();
    let delivered = "select count(*) = 1 from walhook.webhook_log where status = 'success'";
    database.becomes_true(delivered).await;
    // Somebody else is another matter: what is not logged comes again.
    database.execute("insert into items values (2)").await;
    database.becomes_true("select count(*) = 2 from walhook.attempt").await;
    let take = take.replace("o.holder", "gen_random_uuid()");
    database.execute(&take).await;
    database.execute(END_WALSENDER).await;
    daemon.says_again("streaming", 2).await;
    let log = daemon.stop().await;
    assert_eq!(log.matches("another daemon took the slot").count(), 1, "{log}");
    assert_eq!(hooks.len(), 2);
}
