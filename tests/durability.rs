//! What is logged stays logged: whatever the database's defaults say, and whoever looks on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Reply};
use support::ops::{becomes, free_address};
use support::pg::Pg;

const ITEMS: &str = "create table items (id bigint generated always as identity primary key)";

/// As pg_dump holds them.
const DUMP: &str = "begin isolation level repeatable read; \
     select count(*) from walhook.attempt; \
     lock walhook.attempt, walhook.pending, walhook.body, walhook.checkpoint, walhook.endpoint, \
          walhook.owner, walhook.alert, public.items in access share mode";

#[tokio::test(flavor = "multi_thread")]
async fn with_synchronous_commit_off_by_default_a_crash_of_both_forgets_nothing_logged() {
    // Commits that do not wait for the disk are lost in a crash for as long as this.
    let pg = Pg::start_with(&[("wal_writer_delay", "10s"), ("synchronous_commit", "off")]);
    let database = pg.database().await;
    let name = &database.name;
    database.execute(&format!("{ITEMS}; alter database {name} set synchronous_commit = off")).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    for round in 1..=4 {
        let daemon = site.run().await;
        let session = database.connect().await;
        let insert = "set synchronous_commit = on; \
                      insert into items select from generate_series(1, 50)";
        session.client.batch_execute(insert).await.unwrap();
        hooks.arrived(round * 50).await;
        let logged = "select count(*) from walhook.attempt";
        loop {
            let count: i64 = session.client.query_one(logged, &[]).await.unwrap().get(0);
            if count == round as i64 * 50 {
                break;
            }
        }
        // At once: nothing has time to reach the disk by itself.
        tokio::task::block_in_place(|| pg.cluster().stop_immediate());
        daemon.kill().await;
        tokio::task::block_in_place(|| pg.cluster().restart().unwrap());
    }
    let daemon = site.run().await;
    let session = database.connect().await;
    session.client.batch_execute("insert into items default values").await.unwrap();
    hooks.arrived(201).await;
    daemon.stop().await;
    assert_eq!(hooks.len(), 201, "logged, and sent again");
}

#[tokio::test]
async fn a_log_that_somebody_locks_for_long_makes_the_daemon_unready_and_costs_nothing() {
    let database = Pg::shared().database().await;
    database.execute(ITEMS).await;
    let (hooks, address) = (Hooks::ok().await, free_address().await);
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""))
        .with_variable("WALHOOK_OPS__LISTEN", &address);
    let daemon = site.up().await;
    becomes(&address, "/readyz", 200).await;
    let operator = database.connect().await;
    let lock = "begin; lock walhook.attempt in access exclusive mode";
    operator.client.batch_execute(lock).await.unwrap();
    database.execute("insert into items select from generate_series(1, 100)").await;
    hooks.arrived(100).await;
    let answer = becomes(&address, "/readyz", 503).await;
    assert!(answer.contains("the log cannot be written"), "{answer}");
    operator.client.batch_execute("commit").await.unwrap();
    becomes(&address, "/readyz", 200).await;
    daemon.stop().await;
    assert_eq!(hooks.len(), 100, "nothing is sent twice");
    assert_eq!(database.statuses("crm").await, "success 100");
}

#[tokio::test]
async fn a_dump_that_holds_an_old_snapshot_holds_up_neither_queue_nor_slot() {
    let database = Pg::shared().database().await;
    database.execute(ITEMS).await;
    let hooks = Hooks::start(|hook| match (hook.number("id") % 3, hook.attempt()) {
        (0, 1) => Reply::Status(503),
        _ => Reply::Status(200),
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    let dump = database.connect().await;
    let daemon = site.run().await;
    database.execute("insert into items select from generate_series(1, 300)").await;
    dump.client.batch_execute(DUMP).await.unwrap();
    // Many batches: each leaves dead rows that the snapshot keeps.
    for _ in 0..50 {
        database.execute("insert into items select from generate_series(1, 20)").await;
    }
    database
        .becomes_true("select count(*) = 1300 from walhook.webhook_log where status = 'success'")
        .await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    let flushed: i64 = database.query_one("select max(flush) from walhook.checkpoint", &[]).await;
    let confirmed = format!(
        "select confirmed_flush_lsn >= (select max(commit_lsn) from walhook.attempt) \
         from pg_replication_slots where slot_name = '{}'",
        database.name
    );
    database.becomes_true(&confirmed).await;
    // A restart beside it works too.
    daemon.stop().await;
    let daemon = site.run().await;
    database.execute("insert into items default values").await;
    database.becomes_true(&format!("select max(flush) > {flushed} from walhook.checkpoint")).await;
    database
        .becomes_true("select count(*) = 1301 from walhook.webhook_log where status = 'success'")
        .await;
    dump.client.batch_execute("commit").await.unwrap();
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, "success 1301");
}
