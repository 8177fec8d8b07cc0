//! Handlers that misbehave, and sessions, processors and servers that end: each effect comes exactly
//! once all the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::inbound::{
    EFFECT, LATCH, Processor, WAITS, effects, handled_by, handler, installed, limits, post, settle,
    source,
};
use support::pg::{Database, Pg};
use walhook::inbound::process::Limits;

/// Terminates some of the processor's backends again and again, for as long as there is something
/// to handle; returns how many.
async fn under_fire(database: &Database, victims: &str) -> i64 {
    let terminate = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and {victims}"
    );
    let left = "select count(*) from walhook.inbound_event where status <> 'processed'";
    let mut shots = 0;
    while database.query_one::<i64>(left, &[]).await > 0 {
        shots += database.query_one::<i64>(&terminate, &[]).await;
        // Long enough for a new session to come to something.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    shots
}

#[tokio::test]
async fn a_handler_that_ends_its_session_does_not_loop_and_holds_nobody_up() {
    let body = format!(
        "{EFFECT}; if e.event_id = 'bad' then perform pg_terminate_backend(pg_backend_pid()); end if"
    );
    let database = handled_by(Pg::shared(), &body).await;
    database.store(&[post("s", "bad", "t"), post("s", "good", "t")]).await;
    let processor = Processor::start(&database, vec![source("s", &[10, 10])], limits());
    settle(&database).await;
    assert_eq!(
        database.inbound().await,
        ["bad failed 3 the session ended while its handlers ran", "good processed 1"]
    );
    assert_eq!(effects(&database).await, ["good"]);
    processor.stop().await;
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_ended() {
    let database =
        handled_by(Pg::shared(), "set statement_timeout = 0; perform pg_sleep(600)").await;
    database.store(&[post("s", "a", "t")]).await;
    let limits = Limits { run: Duration::from_millis(100), ..limits() };
    let processor = Processor::start(&database, vec![source("s", &[])], limits);
    settle(&database).await;
    let wanted = "a failed 1 canceling statement due to statement timeout";
    assert_eq!(database.inbound().await, [wanted]);
    processor.stop().await;
}

#[tokio::test]
async fn what_a_handler_leaves_in_its_session_does_not_reach_the_next() {
    let database = installed(Pg::shared()).await;
    let role = format!("{}_other", database.name);
    database
        .execute(&format!("create role {role}; create table effect (event_id text, note text)"))
        .await;
    let dirty = format!(
        "create temp table left_over (x int);
         perform set_config('role', '{role}', false);
         set search_path = nowhere;
         set timezone = 'Asia/Tokyo';
         set statement_timeout = 0;
         set client_min_messages = debug5;
         set my.setting = 'x';
         perform pg_advisory_lock(77);
         perform nextval('public.numbers');
         listen gossip;
         prepare p as select 1"
    );
    database.execute("create sequence numbers; grant usage on sequence numbers to public").await;
    handler(&database, "dirty", "dirty", &dirty).await;
    let state = "insert into public.effect values (e.event_id, concat_ws(' ', current_user = session_user,
        current_setting('search_path'), current_setting('timezone'), current_setting('statement_timeout'),
        coalesce(nullif(current_setting('my.setting', true), ''), '-'), to_regclass('pg_temp.left_over') is null,
        (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
        (select count(*) from pg_listening_channels()), (select count(*) from pg_prepared_statements)))";
    handler(&database, "state", "*", state).await;
    // Names in their order: `dirty`, then `state`, in one transaction.
    database
        .store(&[
            post("s", "1", "dirty"),
            post("s", "2", "clean"),
            post("s", "3", "dirty"),
            post("s", "4", "clean"),
        ])
        .await;
    let one = Limits { runs: 1, ..limits() };
    let processor = Processor::start(&database, vec![source("s", &[])], one);
    settle(&database).await;
    let clean = "t \"$user\", public UTC 1min - t 0 0 0";
    let found = effects(&database).await;
    assert_eq!([&found[1], &found[3]], [&format!("2 {clean}"), &format!("4 {clean}")]);
    let beside = &found[0];
    assert!(beside.starts_with("1 t \"$user\", public Asia/Tokyo"), "own role and path: {beside}");
    assert_eq!(
        database.inbound().await,
        ["1 processed 1", "2 processed 1", "3 processed 1", "4 processed 1"]
    );
    processor.stop().await;
}

#[tokio::test]
async fn of_two_processors_each_event_has_one() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    let requests: Vec<_> = (0..400).map(|n| post("s", &n.to_string(), "t")).collect();
    database.store(&requests).await;
    let one = Processor::start(&database, vec![source("s", &[])], limits());
    let other = Processor::start(&database, vec![source("s", &[])], limits());
    settle(&database).await;
    one.stop().await;
    other.stop().await;
    let counts = "select count(*) || ' ' || count(distinct event_id) from effect";
    assert_eq!(database.query_one::<String>(counts, &[]).await, "400 400");
    let once = "select bool_and(attempts = 1 and status = 'processed') from walhook.inbound_event";
    assert!(database.query_one::<bool>(once, &[]).await);
}

#[tokio::test]
async fn each_effect_comes_once_whatever_happens_to_the_sessions() {
    let slow =
        format!("perform pg_sleep(0.02 * random()); {EFFECT}; perform pg_sleep(0.02 * random())");
    for victims in ["query like '%run_inbound%'", "query like '%claim_inbound%'", "random() < 0.3"]
    {
        let database = handled_by(Pg::shared(), &slow).await;
        let requests: Vec<_> = (0..200).map(|n| post("s", &n.to_string(), "t")).collect();
        database.store(&requests).await;
        let limits = Limits { poll: Duration::from_millis(100), ..limits() };
        let processor = Processor::start(&database, vec![source("s", &[1; 1000])], limits);
        let shots = under_fire(&database, victims).await;
        assert!(shots > 1, "{shots} of {victims}");
        processor.stop().await;
        let counts = "select count(*) || ' ' || count(distinct event_id) from effect";
        assert_eq!(database.query_one::<String>(counts, &[]).await, "200 200", "{victims}");
    }
}

#[tokio::test]
async fn a_killed_processors_events_are_taken_over_at_once_and_never_run_twice() {
    let database = handled_by(Pg::shared(), &format!("{LATCH}; {EFFECT}")).await;
    let requests: Vec<_> = (0..10).map(|n| post("s", &n.to_string(), "t")).collect();
    database.store(&requests).await;
    database.execute("select pg_advisory_lock(1)").await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    database.becomes_true("select count(*) = 4 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await;
    processor.kill().await;
    // Its coordinating session is gone; those that run handlers have not heard of it.
    database.becomes_true("select count(*) = 4 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()").await;
    let heir = Processor::start(
        &database,
        vec![source("s", &[])],
        Limits { poll: Duration::from_millis(50), ..limits() },
    );
    database.becomes_true("select count(*) = 8 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await;
    database.execute("select pg_advisory_unlock(1)").await;
    settle(&database).await;
    heir.stop().await;
    let ids: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(effects(&database).await, ids);
    let attempts = "select bool_and(attempts = 1) from walhook.inbound_event";
    assert!(database.query_one::<bool>(attempts, &[]).await, "what still ran was left to run");
}

#[tokio::test]
async fn a_claim_of_a_dead_processor_is_taken_over_until_the_schedule_is_used_up() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    database
        .store(&[post("s", "first", "t"), post("s", "last", "t"), post("s", "asked", "t")])
        .await;
    database
        .execute(
            "update walhook.inbound_event set claimed_by = -4711 where event_id <> 'asked';
             update walhook.inbound_event set attempts = 1 where event_id = 'first';
             update walhook.inbound_event set attempts = 3 where event_id <> 'first'",
        )
        .await;
    let processor = Processor::start(&database, vec![source("s", &[1, 1])], limits());
    settle(&database).await;
    let message = "each of its runs ended with the session or the daemon, and none is left";
    assert_eq!(
        database.inbound().await,
        ["asked processed 4", "first processed 2", &format!("last failed 4 {message}")],
        "a run that somebody asked for is not the schedule's"
    );
    processor.stop().await;
}

#[tokio::test]
async fn a_stop_lets_handlers_finish_and_gives_back_those_that_do_not() {
    let database = handled_by(
        Pg::shared(),
        &format!(
            "if e.event_id = 'long' then perform pg_sleep(600); else {LATCH}; end if; {EFFECT}"
        ),
    )
    .await;
    database.execute("select pg_advisory_lock(1)").await;
    let limits = Limits { runs: 2, grace: Duration::from_secs(2), ..limits() };
    let processor = Processor::start(&database, vec![source("s", &[])], limits);
    database
        .store(&[post("s", "long", "t"), post("s", "short", "t"), post("s", "waiting", "t")])
        .await;
    processor.wake.notify_one();
    database.becomes_true(WAITS).await;
    let (_, ()) = tokio::join!(processor.stop(), async {
        tokio::task::yield_now().await;
        database.execute("select pg_advisory_unlock(1)").await;
    });
    assert_eq!(
        database.inbound().await,
        ["long received 0", "short processed 1", "waiting received 0"]
    );
    assert_eq!(effects(&database).await, ["short"]);
    let running = "select count(*) = 0 from walhook.inbound_event where claimed_by is not null";
    assert!(database.query_one::<bool>(running, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_met_again_and_what_ran_then_runs_at_once() {
    let pg = Pg::start();
    let database = handled_by(&pg, &format!("{LATCH}; {EFFECT}")).await;
    database.execute("select pg_advisory_lock(1)").await;
    let processor = Processor::start(&database, vec![source("s", &[600_000])], limits());
    database.store(&[post("s", "a", "t")]).await;
    processor.wake.notify_one();
    database.becomes_true(WAITS).await;
    tokio::task::block_in_place(|| {
        pg.cluster().stop_immediate();
        pg.cluster().restart().unwrap();
    });
    let again = database.connect().await;
    let sql = "select status || attempts from walhook.inbound_event";
    let status = async || again.client.query_one(sql, &[]).await.unwrap().get::<_, String>(0);
    let processed = async { while status().await != "processed2" {} };
    tokio::time::timeout(Duration::from_secs(30), processed).await.unwrap();
    processor.stop().await;
}

#[tokio::test]
async fn handlers_that_lock_each_other_out_are_run_again_at_once() {
    let database = handled_by(
        Pg::shared(),
        "perform from account where id = (case e.event_id when 'a' then 1 else 2 end) for update;
         perform pg_advisory_xact_lock_shared(1);
         perform from account where id = (case e.event_id when 'a' then 2 else 1 end) for update;
         insert into effect values (e.event_id)",
    )
    .await;
    database.execute("create table account (id int primary key); insert into account values (1), (2); select pg_advisory_lock(1)").await;
    database.store(&[post("s", "a", "t"), post("s", "b", "t")]).await;
    let processor = Processor::start(&database, vec![source("s", &[600_000])], limits());
    let both = "select count(*) = 2 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    database.becomes_true(both).await;
    database.execute("select pg_advisory_unlock(1)").await;
    settle(&database).await;
    assert_eq!(database.inbound().await, ["a processed 1", "b processed 1"]);
    assert_eq!(effects(&database).await, ["a", "b"]);
    processor.stop().await;
}
