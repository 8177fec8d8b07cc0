//! WAL that walhook will never see: whatever happened to slot or server, it is told of with both
//! positions and times, in an alert, the log and a metric, once; and the operator has chosen how
//! it goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use support::daemon::{Daemon, Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::ops::{ask, becomes, free_address};
use support::pg::{Database, Pg};

const STOP: &str = "[delivery]\non_gap = \"stop\"\n";

/// Segments go as soon as a checkpoint may take them, and slots with them.
const FORGETFUL: [(&str, &str); 1] = [("max_slot_wal_keep_size", "1MB")];

struct Ground {
    database: Database,
    site: Site,
    hooks: Hooks,
    /// Of the port for operators.
    address: String,
}

impl Ground {
    async fn prepare(pg: &Pg, settings: &str) -> Self {
        let database = pg.database().await;
        database.execute("create table items (id int primary key)").await;
        let (hooks, address) = (Hooks::ok().await, free_address().await);
        let config = settings.to_owned() + &endpoint("crm", &hooks.url("/"), "");
        let site = Site::new(&database, &["public.items"], &config)
            .with_variable("WALHOOK_OPS__LISTEN", &address);
        site.init().await;
        Self { database, site, hooks, address }
    }

    async fn insert(&self, id: i32) {
        self.database.execute(&format!("insert into items values ({id})")).await;
    }

    /// The rows that have arrived, once this one has.
    async fn arrived(&self, last: i64) -> Vec<i64> {
        let is_last = |hook: &Hook| hook.number("id") == last;
        let hooks = self.hooks.until(|hooks| hooks.iter().any(is_last)).await;
        hooks.iter().map(|hook| hook.number("id")).collect()
    }

    /// Writes more WAL than slots may keep.
    async fn outrun_the_slot(&self) {
        let lost = "select wal_status = 'lost' from pg_replication_slots where slot_name = $1";
        for _ in 0..20 {
            self.database.execute("select pg_switch_wal()").await;
            self.database.execute("create table filler (); drop table filler; checkpoint").await;
            if self.database.query_one::<bool>(lost, &[&self.database.name]).await {
                return;
            }
        }
        panic!("the slot is not lost");
    }

    /// Ends the walsender of a daemon that cannot say anything to that.
    async fn free_slot(&self) {
        let name = &self.database.name;
        let end = "select pg_terminate_backend(active_pid) from pg_replication_slots \
                   where slot_name = $1 and active_pid is not null";
        self.database.query(end, &[name]).await;
        let free = format!(
            "select active_pid is null from pg_replication_slots where slot_name = '{name}'"
        );
        self.database.becomes_true(&free).await;
    }

    async fn drop_slot(&self) {
        self.database
            .execute(&format!("select pg_drop_replication_slot('{}')", self.database.name))
            .await;
    }

    async fn gaps(&self) -> i64 {
        let count = "select count(*) from walhook.alert where kind = 'gap'";
        self.database.query_one(count, &[]).await
    }

    /// The one gap, which must be told of everywhere with both positions and times.
    async fn the_gap(&self, daemon: &Daemon) -> Value {
        let line = daemon.says("WAL is missing").await;
        self.database
            .becomes_true("select count(*) = 1 from walhook.alert where kind = 'gap'")
            .await;
        let sql = "select details from walhook.alert \
                   where kind = 'gap' and severity = 'critical' \
                   and (details->>'from_time')::timestamptz <= (details->>'to_time')::timestamptz";
        let details: Value = self.database.query_one(sql, &[]).await;
        for name in ["from_lsn", "from_time", "to_lsn", "to_time"] {
            assert!(details[name].is_string(), "{name} is missing in {details}");
            assert_eq!(line[name], details[name], "{line}");
        }
        let metrics = ask(&self.address, "/metrics").await;
        assert!(metrics.contains("\nwalhook_gaps_total 1\n"), "{metrics}");
        details
    }

    async fn is_behind(&self, details: &Value) -> bool {
        let sql = "select ($1::jsonb->>'from_lsn')::pg_lsn < ($1::jsonb->>'to_lsn')::pg_lsn";
        self.database.query_one(sql, &[details]).await
    }
}

#[tokio::test]
async fn a_slot_that_was_recreated_while_the_daemon_was_away_is_a_gap() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    ground.site.run().await.stop().await;
    ground.insert(1).await;
    ground.drop_slot().await;
    let name = &ground.database.name;
    ground
        .database
        .execute(&format!("select pg_create_logical_replication_slot('{name}', 'pgoutput')"))
        .await;
    let daemon = ground.site.run().await;
    let details = ground.the_gap(&daemon).await;
    assert!(ground.is_behind(&details).await, "{details}");
    ground.insert(2).await;
    assert_eq!(ground.arrived(2).await, [2]);
    daemon.stop().await;
    // It is told of once.
    let daemon = ground.site.run().await;
    ground.insert(3).await;
    ground.arrived(3).await;
    daemon.stop().await;
    assert_eq!(ground.gaps().await, 1);
}

#[tokio::test]
async fn with_on_gap_stop_the_daemon_waits_for_init_and_readyz_says_so() {
    let ground = Ground::prepare(Pg::shared(), STOP).await;
    ground.site.run().await.stop().await;
    ground.insert(1).await;
    let name = &ground.database.name;
    let advance = format!("select pg_replication_slot_advance('{name}', pg_current_wal_lsn())");
    ground.database.execute(&advance).await;
    let daemon = ground.site.start();
    let details = ground.the_gap(&daemon).await;
    assert!(ground.is_behind(&details).await, "{details}");
    let answer = becomes(&ground.address, "/readyz", 503).await;
    assert!(answer.contains("walhook init"), "{answer}");
    ground.insert(2).await;
    daemon.says_again("not streaming; trying again", 2).await;
    assert_eq!(ground.hooks.len(), 0, "the operator decides");
    // A supervisor that starts it again and again does not fill the table.
    daemon.kill().await;
    let daemon = ground.site.start();
    daemon.says("not streaming; trying again").await;
    assert_eq!(ground.gaps().await, 1);
    ground.site.init().await;
    daemon.says("streaming").await;
    becomes(&ground.address, "/readyz", 200).await;
    assert_eq!(ground.arrived(2).await, [2], "what the slot still has");
    daemon.stop().await;
}

#[tokio::test]
async fn a_lost_slot_is_begun_anew_and_what_comes_then_is_delivered() {
    let pg = Pg::start_with(&FORGETFUL);
    let ground = Ground::prepare(&pg, "").await;
    let daemon = ground.site.run().await;
    ground.insert(1).await;
    ground.arrived(1).await;
    daemon.stop().await;
    ground.insert(2).await;
    ground.outrun_the_slot().await;
    let daemon = ground.site.run().await;
    let details = ground.the_gap(&daemon).await;
    assert!(ground.is_behind(&details).await, "{details}");
    ground.insert(3).await;
    assert_eq!(ground.arrived(3).await, [1, 3]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_slot_that_is_lost_under_a_daemon_is_begun_anew_too() {
    let pg = Pg::start_with(&FORGETFUL);
    let ground = Ground::prepare(&pg, "").await;
    let daemon = ground.site.run().await;
    ground.insert(1).await;
    ground.arrived(1).await;
    daemon.signal("STOP").await;
    ground.insert(2).await;
    // The server ends the walsender itself.
    ground.outrun_the_slot().await;
    daemon.signal("CONT").await;
    daemon.says_again("streaming", 2).await;
    ground.the_gap(&daemon).await;
    ground.insert(3).await;
    let arrived = ground.arrived(3).await;
    assert_eq!(arrived.last(), Some(&3), "{arrived:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_lost_slot_waits_for_init_where_on_gap_says_stop() {
    let pg = Pg::start_with(&FORGETFUL);
    let ground = Ground::prepare(&pg, STOP).await;
    ground.site.run().await.stop().await;
    ground.insert(1).await;
    ground.outrun_the_slot().await;
    let daemon = ground.site.start();
    ground.the_gap(&daemon).await;
    let answer = becomes(&ground.address, "/readyz", 503).await;
    assert!(answer.contains("walhook init"), "{answer}");
    daemon.says_again("not streaming; trying again", 2).await;
    ground.site.init().await;
    ground.insert(2).await;
    assert_eq!(ground.arrived(2).await, [2]);
    becomes(&ground.address, "/readyz", 200).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_slot_dropped_under_a_daemon_is_begun_anew() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    let daemon = ground.site.run().await;
    ground.insert(1).await;
    ground.arrived(1).await;
    daemon.signal("STOP").await;
    ground.free_slot().await;
    ground.drop_slot().await;
    ground.insert(2).await;
    daemon.signal("CONT").await;
    daemon.says_again("streaming", 2).await;
    let details = ground.the_gap(&daemon).await;
    assert!(ground.is_behind(&details).await, "{details}");
    ground.insert(3).await;
    let arrived = ground.arrived(3).await;
    assert_eq!(arrived, [1, 3]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_missing_slot_raises_one_alert_however_often_the_daemon_is_started() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    ground.site.run().await.stop().await;
    ground.drop_slot().await;
    for _ in 0..3 {
        let (status, log) = ground.site.start().ended().await;
        assert_eq!(status.code(), Some(1), "a copy of the database has no slot either: {log}");
        assert!(log.contains("walhook init"), "{log}");
        assert_eq!(ground.gaps().await, 1);
    }
    ground.database.execute("update walhook.alert set acknowledged_at = now()").await;
    ground.site.start().ended().await;
    assert_eq!(ground.gaps().await, 2, "it still is missing");
}

#[tokio::test]
async fn a_database_of_another_cluster_is_told_of_and_sends_nothing() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    ground.site.run().await.stop().await;
    ground.database.execute("update walhook.checkpoint set system_identifier = '42'").await;
    ground.insert(1).await;
    for _ in 0..2 {
        let (status, log) = ground.site.start().ended().await;
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("WAL is missing") || ground.gaps().await == 1, "{log}");
    }
    let details: Value = ground
        .database
        .query_one("select details from walhook.alert where kind = 'gap'", &[])
        .await;
    assert_eq!(details["checkpoint_system"], "42", "{details}");
    assert!(details["from_time"].is_string() && details["to_lsn"].is_string(), "{details}");
    assert_eq!(ground.hooks.len(), 0);
    ground.site.init().await;
    let daemon = ground.site.run().await;
    ground.insert(2).await;
    ground.arrived(2).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_another_timeline_is_told_of_where_something_is_read_again() {
    let pg = Pg::start();
    let ground = Ground::prepare(&pg, "").await;
    let daemon = ground.site.run().await;
    ground.insert(1).await;
    ground.arrived(1).await;
    let logged = "select count(*) = 1 from walhook.attempt";
    ground.database.becomes_true(logged).await;
    daemon.kill().await;
    // As if its last word to the walsender had been lost.
    let ahead = "update walhook.checkpoint set confirmed_lsn = confirmed_lsn + 8";
    ground.database.execute(ahead).await;
    tokio::task::block_in_place(|| {
        let mut cluster = pg.cluster();
        cluster.stop();
        // Recovers, finds no more WAL, and is promoted by itself.
        let data = cluster.data_dir();
        std::fs::write(data.join("recovery.signal"), "").unwrap();
        let conf = data.join("postgresql.conf");
        let text = std::fs::read_to_string(&conf).unwrap() + "restore_command = 'false'\n";
        std::fs::write(&conf, text).unwrap();
        cluster.restart().unwrap();
    });
    let database = ground.database.connect().await;
    let timeline = "select timeline_id from pg_control_checkpoint()";
    database.client.batch_execute("checkpoint").await.unwrap();
    let timeline: i32 = database.client.query_one(timeline, &[]).await.unwrap().get(0);
    assert!(timeline > 1, "{timeline}");
    let daemon = ground.site.run().await;
    database.client.batch_execute("insert into items values (2)").await.unwrap();
    let arrived = ground.arrived(2).await;
    assert_eq!(arrived, [1, 2], "what was logged is not sent again");
    let gap = "select details from walhook.alert where kind = 'gap'";
    let gap: Value = database.client.query_one(gap, &[]).await.unwrap().get(0);
    assert!(gap["timeline"].as_i64() > gap["checkpoint_timeline"].as_i64(), "{gap}");
    assert!(gap["from_time"].is_string() && gap["to_lsn"].is_string(), "{gap}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_dropped_publication_is_told_of_once() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    ground.site.run().await.stop().await;
    ground.database.execute("drop publication walhook").await;
    ground.insert(1).await;
    for _ in 0..2 {
        let (status, log) = ground.site.start().ended().await;
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("walhook init"), "{log}");
    }
    let alerts = "select count(*) from walhook.alert where kind = 'publication_missing'";
    assert_eq!(ground.database.query_one::<i64>(alerts, &[]).await, 1);
    ground.site.init().await;
    let daemon = ground.site.run().await;
    ground.insert(2).await;
    ground.arrived(2).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_table_that_was_dropped_and_made_anew_is_told_of_until_init() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    let daemon = ground.site.run().await;
    ground.insert(1).await;
    ground.arrived(1).await;
    ground.database.execute("drop table items; create table items (id int primary key)").await;
    ground.insert(2).await;
    let told = "select count(*) = 1 from walhook.alert where kind = 'table_missing' \
                and message like '%public.items%' and message like '%walhook init%'";
    ground.database.becomes_true(told).await;
    daemon.stop().await;
    ground.site.init().await;
    let daemon = ground.site.run().await;
    ground.insert(3).await;
    assert_eq!(ground.arrived(3).await, [1, 3]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_renamed_table_keeps_its_label_and_is_told_of() {
    let ground = Ground::prepare(Pg::shared(), "").await;
    let daemon = ground.site.run().await;
    ground.database.execute("alter table items rename to things").await;
    ground.database.execute("insert into things values (1)").await;
    ground.arrived(1).await;
    assert_eq!(ground.hooks.all()[0].json()["model"]["label"], "public.items");
    let told = "select count(*) = 1 from walhook.alert where kind = 'table_renamed' \
                and message like '%public.items%' and message like '%public.things%'";
    ground.database.becomes_true(told).await;
    daemon.stop().await;
}
