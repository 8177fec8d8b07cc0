//! The writer: whoever waits is answered after the commit, or told in time that it did not come.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::inbound::{dsn, event, installed, post, request};
use support::pg::{Database, Pg};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use walhook::admin::init;
use walhook::inbound::writer::{self, QueueLimits, Unavailable, Writer};
use walhook::shutdown::{self, Trigger};
use walhook::store::inbound::{InboundEvent, InboundRejection, Written};
use walhook::store::schema::Installation;

const PATIENCE: Duration = Duration::from_secs(30);

async fn number(database: &Database, sql: &str) -> i64 {
    database.query_one(sql, &[]).await
}

struct Writing {
    writer: Writer,
    wake: Arc<Notify>,
    stop: Trigger,
    task: JoinHandle<()>,
}

fn writing(url: &str, limits: QueueLimits) -> Writing {
    let (writer, queue) = writer::channel(limits);
    let (stop, until_stopped) = shutdown::channel();
    let wake = Arc::<Notify>::default();
    let dsn = walhook::config::dsn::Dsn::parse(url).unwrap();
    let task = tokio::spawn(writer::run(queue, dsn, Arc::clone(&wake), until_stopped));
    Writing { writer, wake, stop, task }
}

impl Writing {
    async fn post(&self, id: &str) -> Result<Written, Unavailable> {
        self.writer.store(post("s", id, "t"), Duration::from_secs(4)).await
    }

    async fn stop(self) {
        self.stop.stop();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn posts_of_one_event_at_once_are_one_row_seen_as_often() {
    let database = installed(Pg::shared()).await;
    let writing = writing(&database.url, QueueLimits::default());
    let posts = (0..200).map(|_| writing.post("evt_1"));
    let outcomes = futures_util::future::join_all(posts).await;
    let new = outcomes
        .iter()
        .filter(|o| **o == Ok(Written::Stored { duplicates: vec![false], processed_at: None }))
        .count();
    assert!(new == 1 && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    database.becomes_true("select times_seen = 200 from walhook.inbound_event").await;
    writing.stop().await;
}

#[tokio::test]
async fn a_new_event_that_is_due_wakes_the_processor_and_a_duplicate_does_not() {
    let database = installed(Pg::shared()).await;
    let writing = writing(&database.url, QueueLimits::default());
    let due = InboundEvent { mapped: true, ..event("due", "t", "{}") };
    writing.writer.store(request("s", vec![due]), PATIENCE).await.unwrap();
    tokio::time::timeout(PATIENCE, writing.wake.notified()).await.unwrap();
    writing.stop().await;
}

#[tokio::test]
async fn stopping_writes_what_has_queued() {
    let database = installed(Pg::shared()).await;
    let writing = writing(&database.url, QueueLimits::default());
    let ids: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let posts = futures_util::future::join_all(ids.iter().map(|id| writing.post(id)));
    let (outcomes, ()) = tokio::join!(posts, async { writing.stop.stop() });
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let late = writing.post("late").await;
    assert!(late.is_err(), "{late:?}");
    writing.stop().await;
    assert_eq!(number(&database, "select count(*) from walhook.inbound_event").await, 300);
}

#[tokio::test]
async fn what_waits_is_bounded_by_requests_and_by_bytes() {
    // Nobody empties these queues.
    let (writer, _queue) = writer::channel(QueueLimits { requests: 2, bytes: 1 << 20 });
    let soon = Duration::from_millis(1);
    let outcomes = [
        writer.store(post("s", "a", "t"), soon).await,
        writer.store(post("s", "b", "t"), soon).await,
    ];
    assert_eq!(outcomes, [const { Err(Unavailable::Late) }; 2]);
    assert_eq!(writer.store(post("s", "c", "t"), PATIENCE).await, Err(Unavailable::Full));
    let (writer, _queue) = writer::channel(QueueLimits { requests: 9, bytes: 10_000 });
    let large = || request("s", vec![event("x", "t", &"1".repeat(20_000))]);
    assert_eq!(writer.store(large(), soon).await, Err(Unavailable::Late), "one alone has room");
    assert_eq!(writer.store(large(), PATIENCE).await, Err(Unavailable::Full));
}

#[tokio::test]
async fn a_terminated_session_is_replaced_before_anybody_is_turned_away() {
    let database = installed(Pg::shared()).await;
    let writing = writing(&database.url, QueueLimits::default());
    for n in 0..20 {
        let (id, other) = (format!("a{n}"), format!("b{n}"));
        let terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                         where datname = current_database() and pid <> pg_backend_pid()";
        let (one, _, two) =
            tokio::join!(writing.post(&id), database.query(terminate, &[]), writing.post(&other));
        assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    }
    assert_eq!(number(&database, "select count(*) from walhook.inbound_event").await, 40);
    writing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_callers_hear_so_in_time_and_it_recovers_by_itself() {
    let pg = Pg::start();
    let database = installed(&pg).await;
    let writing = writing(&database.url, QueueLimits::default());
    assert!(writing.post("before").await.is_ok());
    tokio::task::block_in_place(|| pg.cluster().stop_immediate());
    let began = std::time::Instant::now();
    let waited = writing.post("during").await;
    assert!(waited.is_err() && began.elapsed() < Duration::from_secs(5), "{waited:?}");
    while writing.post("during").await != Err(Unavailable::Away) {}
    let began = std::time::Instant::now();
    assert_eq!(writing.post("during").await, Err(Unavailable::Away));
    assert!(began.elapsed() < Duration::from_secs(1), "at once");
    tokio::task::block_in_place(|| pg.cluster().restart().unwrap());
    let recovered = async {
        while writing.post("after").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, recovered).await.unwrap();
    let again = database.connect().await;
    let count = again.client.query_one(
        "select count(*) from walhook.inbound_event where event_id in ('before', 'after')",
        &[],
    );
    assert_eq!(count.await.unwrap().get::<_, i64>(0), 2);
    writing.stop().await;
}

#[tokio::test]
async fn a_backend_that_is_stopped_is_given_up_and_another_one_takes_over() {
    let pg = Pg::start();
    let database = installed(&pg).await;
    let writing = writing(&database.url, QueueLimits::default());
    assert!(writing.post("before").await.is_ok());
    let sql = "select pid from pg_stat_activity where datname = current_database() \
               and pid <> pg_backend_pid() and query like '%store_inbound%'";
    let backend: i32 = database.query_one(sql, &[]).await;
    let signal = |signal: &str| {
        let sent = std::process::Command::new("kill").args([signal, &backend.to_string()]).status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    let began = std::time::Instant::now();
    assert_eq!(writing.post("during").await, Err(Unavailable::Late));
    assert!(began.elapsed() < Duration::from_secs(5));
    let recovered = async { while writing.post("after").await.is_err() {} };
    tokio::time::timeout(PATIENCE, recovered).await.unwrap();
    signal("-CONT");
    assert_eq!(
        number(
            &database,
            "select count(*) from walhook.inbound_event where event_id in ('before', 'after')"
        )
        .await,
        2
    );
    writing.stop().await;
}

#[tokio::test]
async fn without_a_schema_requests_are_refused_and_stored_once_it_is_there() {
    let database = Pg::shared().database().await;
    let writing = writing(&database.url, QueueLimits::default());
    assert_eq!(writing.post("early").await, Err(Unavailable::Refused));
    let installation = Installation {
        slot: database.name.clone(),
        publication: "walhook".to_owned(),
        ..Installation::default()
    };
    init::install(&dsn(&database), &installation, &mut |_| ()).await.unwrap();
    assert!(writing.post("late").await.is_ok());
    writing.stop().await;
}

#[tokio::test]
async fn rejections_that_are_noted_reach_the_table() {
    let database = installed(Pg::shared()).await;
    let writing = writing(&database.url, QueueLimits::default());
    for _ in 0..3 {
        writing.writer.note(InboundRejection {
            source: "s".into(),
            reason: "replayed",
            skew_seconds: None,
            header_names: vec![],
            body_bytes: 0,
            body_sha256: String::new(),
        });
    }
    database.becomes_true("select count(*) = 3 from walhook.inbound_rejection").await;
    writing.stop().await;
}
