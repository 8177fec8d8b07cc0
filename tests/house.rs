//! What the database's other users and settings do to the daemon: nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::Hooks;
use support::pg::{Database, Pg};
use walhook::config::dsn::Dsn;

async fn site(hooks: &Hooks) -> (Database, Site) {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    (database, site)
}

/// Takes tomorrow's partition away, as if the daemon had to make it now.
async fn without_tomorrow(database: &Database) -> String {
    let sql = "select 'attempt_' || to_char((now() at time zone 'UTC')::date + 1, 'YYYYMMDD')";
    let partition: String = database.query_one(sql, &[]).await;
    database.execute(&format!("drop table walhook.{partition}")).await;
    partition
}

#[tokio::test]
async fn settings_that_were_meant_for_applications_do_not_bind_the_daemon() {
    let hooks = Hooks::ok().await;
    let (database, site) = site(&hooks).await;
    let name = &database.name;
    for setting in [
        "default_transaction_read_only = on",
        "statement_timeout = '20s'",
        "lock_timeout = '1ms'",
        "idle_session_timeout = '10s'",
        "client_min_messages = debug1",
        "standard_conforming_strings = off",
    ] {
        database.execute(&format!("alter database {name} set {setting}")).await;
    }
    let dsn = Dsn::parse(&database.url).unwrap();
    let session = walhook::store::Session::connect(&dsn).await.unwrap();
    for limit in ["statement_timeout", "lock_timeout", "idle_session_timeout"] {
        let sql = format!("select current_setting('{limit}')");
        let row = session.client().query_one(&sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "0", "{limit}");
    }
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    database
        .becomes_true("select count(*) = 1 from walhook.webhook_log where status = 'success'")
        .await;
    let log = daemon.stop().await;
    // The few of the moment before the session has its own settings.
    assert!(!log.contains("insert into walhook."), "{log}");
}

#[tokio::test]
async fn rows_that_came_before_their_partition_move_into_it() {
    let hooks = Hooks::ok().await;
    let (database, site) = site(&hooks).await;
    site.init().await;
    let partition = without_tomorrow(&database).await;
    let ahead = "insert into walhook.attempt (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, \
                 event_id, event_type, outcome, committed_at, started_at, duration_us) \
                 select walhook.delivery_floor(date_trunc('day', now() at time zone 'UTC') \
                 at time zone 'UTC' + interval '25 hours'), 1, gen_random_uuid(), '0/1', 0, \
                 'evt_x', 'x.y', 'success', now(), now(), 1";
    database.execute(ahead).await;
    let daemon = site.run().await;
    let rows: i64 =
        database.query_one(&format!("select count(*) from walhook.{partition}"), &[]).await;
    assert_eq!(rows, 1);
    daemon.stop().await;
}

#[tokio::test]
async fn a_long_reader_of_the_log_keeps_nothing_from_being_delivered_and_logged() {
    let hooks = Hooks::ok().await;
    let (database, site) = site(&hooks).await;
    site.init().await;
    without_tomorrow(&database).await;
    // As pg_dump does.
    let reader = database.connect().await;
    reader
        .client
        .batch_execute("begin; lock walhook.attempt_default in access share mode")
        .await
        .unwrap();
    let daemon = site.run().await;
    daemon.says("partitions of the log are not made yet").await;
    database.execute("insert into items values (1, 'x')").await;
    database
        .becomes_true("select count(*) = 1 from walhook.webhook_log where status = 'success'")
        .await;
    reader.client.batch_execute("commit").await.unwrap();
    daemon.stop().await;
}

#[tokio::test]
async fn a_large_event_that_waits_for_many_endpoints_is_in_memory_and_in_the_queue_once() {
    const ENDPOINTS: usize = 40;
    let hooks = Hooks::ok().await;
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    let names = (0..ENDPOINTS).map(|n| endpoint(&format!("e{n}"), &hooks.url("/"), ""));
    let site = Site::new(&database, &["public.items"], &names.collect::<String>());
    let daemon = site.up().await;
    database.execute("update walhook.endpoint set state = 'paused'").await;
    daemon.says_again("endpoint changed state", ENDPOINTS).await;
    database.execute("insert into items values (1, repeat('x', 8000000))").await;
    let all = format!("select count(*) = {ENDPOINTS} from walhook.pending");
    database.becomes_true(&all).await;
    assert_eq!(database.query_one::<i64>("select count(*) from walhook.body", &[]).await, 1);
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 200_000, "{peak} kB");
    daemon.stop().await;
}
