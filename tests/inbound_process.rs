//! Handlers of inbound events: each effect exactly once, whatever handlers and servers do.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::inbound::{Processor, event, installed, limits, post, request, source};
use support::pg::{Database, Pg};
use walhook::config::inbound::ErrorAlert;
use walhook::inbound::process::Limits;
use walhook::store::inbound::InboundEvent;

/// A table for effects, and a handler of `body` (of a plpgsql block) for every event of `s`.
async fn handled_by(pg: &Pg, body: &str) -> Database {
    let database = installed(pg).await;
    // Not unique: what happens twice shows.
    database.execute("create table effect (event_id text, note text)").await;
    handler(&database, "h", "*", body).await;
    database
}

async fn handler(database: &Database, name: &str, pattern: &str, body: &str) {
    database
        .execute(&format!(
            "create or replace function {name}(e walhook.inbound_event) returns void
             language plpgsql as $$ begin {body}; end $$;
             select walhook.on_inbound('s', '{pattern}', '{name}(walhook.inbound_event)')"
        ))
        .await;
}

const EFFECT: &str = "insert into effect values (e.event_id)";

/// Waits while the test holds the advisory lock 1.
const LATCH: &str = "perform pg_advisory_xact_lock_shared(1)";
const WAITS: &str = "select exists (select from pg_locks where locktype = 'advisory' and objid = 1
                     and not granted and database = (select oid from pg_database where datname = current_database()))";

async fn effects(database: &Database) -> Vec<String> {
    let sql = "select concat_ws(' ', event_id, note) from effect order by 1";
    database.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

/// Waits until no event is to be handled any more.
async fn settle(database: &Database) {
    let sql = "select not exists (select from walhook.inbound_event where status = 'received'
               or (status = 'failed' and next_retry_at is not null))";
    database.becomes_true(sql).await;
}

#[tokio::test]
async fn a_handler_gets_the_event_as_stored_and_its_effects_come_with_the_status() {
    let database = handled_by(
        Pg::shared(),
        "insert into effect values (e.event_id, concat_ws(' ', e.source, e.event_type,
             e.payload ->> 'n', convert_from(e.raw, 'UTF8'), e.headers ->> 'content-type',
             e.status, e.attempts, current_setting('search_path'), current_user = session_user))",
    )
    .await;
    database.store(&[request("s", vec![event("a", "t", r#"{"n":1}"#)])]).await;
    let raw_only = InboundEvent { payload: None, event_type: None, ..event("b", "", "bytes") };
    database.store(&[request("s", vec![raw_only])]).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    settle(&database).await;
    assert_eq!(
        effects(&database).await,
        [
            "a s t 1 {\"n\":1} application/json received 1 \"$user\", public t",
            "b s bytes application/json received 1 \"$user\", public t",
        ]
    );
    assert_eq!(database.inbound().await, ["a processed 1", "b processed 1"]);
    let is_timed = "select bool_and(processed_at >= received_at and claimed_by is null) from walhook.inbound_event";
    assert!(database.query_one::<bool>(is_timed, &[]).await);
    let metrics = Arc::clone(&processor.metrics);
    processor.stop().await;
    let metrics = metrics.render();
    for line in [
        "walhook_inbound_events_total{source=\"s\",event_type=\"t\",status=\"processed\"} 1",
        "walhook_inbound_events_total{source=\"s\",event_type=\"\",status=\"processed\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn a_stored_event_is_handled_when_the_writer_rings() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    for round in 0..20 {
        let ids: Vec<_> = (0..10).map(|n| post("s", &format!("{round} {n}"), "t")).collect();
        assert!(database.store(&ids).await.is_due);
        processor.wake.notify_one();
    }
    database.becomes_true("select count(*) = 200 from effect").await;
    processor.stop().await;
    let distinct = "select count(distinct event_id) from effect";
    assert_eq!(database.query_one::<i64>(distinct, &[]).await, 200);
}

#[tokio::test]
async fn a_handler_that_raises_runs_as_often_as_the_schedule_says_and_leaves_nothing() {
    let database =
        handled_by(Pg::shared(), &format!("{EFFECT}; raise exception 'no such customer'")).await;
    database.store(&[post("s", "a", "t")]).await;
    let processor = Processor::start(&database, vec![source("s", &[20, 30])], limits());
    settle(&database).await;
    assert_eq!(database.inbound().await, ["a failed 3 no such customer"]);
    assert!(effects(&database).await.is_empty());
    let sql = "select failed_at is not null and claimed_by is null from walhook.inbound_event";
    assert!(database.query_one::<bool>(sql, &[]).await);
    let wanted = "walhook_inbound_events_total{source=\"s\",event_type=\"t\",status=\"failed\"} 3";
    let metrics = Arc::clone(&processor.metrics);
    processor.stop().await;
    assert!(metrics.render().contains(wanted), "{}", metrics.render());
}

#[tokio::test]
async fn a_failed_event_waits_for_its_time() {
    let database = handled_by(Pg::shared(), "perform 1 / 0").await;
    database.store(&[post("s", "a", "t")]).await;
    let processor = Processor::start(&database, vec![source("s", &[600_000])], limits());
    database.becomes_true("select status = 'failed' from walhook.inbound_event").await;
    assert_eq!(database.inbound().await, ["a failed 1 division by zero"]);
    let sql = "select next_retry_at - failed_at between interval '599 s' and interval '601 s'
               from walhook.inbound_event";
    assert!(database.query_one::<bool>(sql, &[]).await);
    processor.stop().await;
}

#[tokio::test]
async fn what_only_the_commit_refuses_fails_the_event() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    database
        .execute(
            "create table customer (id text primary key);
             alter table effect add foreign key (event_id) references customer deferrable initially deferred",
        )
        .await;
    database.store(&[post("s", "a", "t")]).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    settle(&database).await;
    let [only] = &database.inbound().await[..] else { panic!() };
    assert!(only.starts_with("a failed 1 insert or update on table \"effect\""), "{only}");
    assert!(effects(&database).await.is_empty());
    processor.stop().await;
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
async fn all_handlers_of_an_event_are_one_transaction_in_the_order_of_their_names() {
    let database = installed(Pg::shared()).await;
    database.execute("create table effect (n serial, event_id text, note text)").await;
    let note =
        |name: &str| format!("insert into effect (event_id, note) values (e.event_id, '{name}')");
    for (name, pattern) in
        [("c", "*"), ("a", "order.*"), ("b", "order.paid"), ("a", "*"), ("other", "x.*")]
    {
        handler(&database, name, pattern, &note(name)).await;
    }
    let fails = format!("{}; if e.event_id = 'bad' then raise 'no'; end if", note("d"));
    handler(&database, "d", "*.paid", &fails).await;
    database.store(&[post("s", "good", "order.paid"), post("s", "bad", "order.paid")]).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    settle(&database).await;
    assert_eq!(database.inbound().await, ["bad failed 1 no", "good processed 1"]);
    let order = "select string_agg(event_id || ' ' || note, ', ' order by n) from effect";
    assert_eq!(
        database.query_one::<String>(order, &[]).await,
        "good a, good b, good c, good d",
        "each once, and nothing of the other event"
    );
    processor.stop().await;
}

#[tokio::test]
async fn a_new_handler_takes_what_comes_after_it_and_an_ignored_event_when_asked() {
    let database = installed(Pg::shared()).await;
    database.execute("create table effect (event_id text, note text)").await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    database.store(&[post("s", "before", "t")]).await;
    handler(&database, "h", "*", EFFECT).await;
    database.store(&[post("s", "after", "t")]).await;
    processor.wake.notify_one();
    database.becomes_true("select count(*) = 1 from effect").await;
    assert_eq!(database.inbound().await, ["after processed 1", "before ignored 0"]);
    let sql =
        "select concat_ws(' ', r.event_id, r.action, r.why_not) from walhook.inbound_event as e,
               walhook.retry_inbound(e.id) as r where e.event_id = $1";
    assert_eq!(database.query_one::<String>(sql, &[&"before"]).await, "before retry");
    // Nobody rings: the function itself tells the processor.
    database.becomes_true("select count(*) = 2 from effect").await;
    assert_eq!(effects(&database).await, ["after", "before"]);
    processor.stop().await;
}

#[tokio::test]
async fn retry_inbound_says_what_it_did_and_why_not() {
    let database = handled_by(Pg::shared(), "raise 'no'").await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    database.store(&[post("s", "failed", "t"), post("s", "content gone", "t")]).await;
    processor.wake.notify_one();
    settle(&database).await;
    let content = "update walhook.inbound_event set payload = null, raw = null where event_id = 'content gone'";
    database.execute(content).await;
    handler(&database, "h", "*", EFFECT).await;
    database.store(&[post("s", "processed", "t")]).await;
    processor.wake.notify_one();
    settle(&database).await;
    database.store(&[post("another", "ignored", "t")]).await;
    let retry = async |id: &str| {
        let sql = "select concat_ws(': ', r.action, r.why_not) from walhook.inbound_event as e,
                   walhook.retry_inbound(e.id) as r where e.event_id = $1";
        database.query_one::<String>(sql, &[&id]).await
    };
    assert_eq!(
        retry("processed").await,
        "none: it is processed: its handlers have run, and run once"
    );
    assert_eq!(retry("content gone").await, "none: its content is past the retention");
    assert_eq!(retry("ignored").await, "none: no handler and no mapping takes its type");
    let missing = "select concat_ws(': ', id, action, why_not) from walhook.retry_inbound(4711)";
    assert_eq!(
        database.query_one::<String>(missing, &[]).await,
        "4711: none: there is no such event"
    );
    handler(&database, "h", "*", LATCH).await;
    database.execute("select pg_advisory_lock(1)").await;
    assert_eq!(retry("failed").await, "retry");
    database.becomes_true(WAITS).await;
    assert_eq!(retry("failed").await, "none: its handlers are running");
    database.execute("select pg_advisory_unlock(1)").await;
    settle(&database).await;
    let sql = "select concat_ws(' ', status, attempts, error_message) from walhook.inbound_event where event_id = 'failed'";
    assert_eq!(database.query_one::<String>(sql, &[]).await, "processed 2");
    processor.stop().await;
}

#[tokio::test]
async fn a_handler_that_is_gone_or_somebody_elses_fails_the_event_until_it_is_mended() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    let role = format!("{}_other", database.name);
    database.execute("drop function h").await;
    database.store(&[post("s", "gone", "t")]).await;
    processor.wake.notify_one();
    settle(&database).await;
    let create = "create function h(e walhook.inbound_event) returns void language sql as \
                  $$ insert into effect values (e.event_id) $$";
    database
        .execute(&format!("create role {role}; {create}; alter function h owner to {role}"))
        .await;
    database.store(&[post("s", "stolen", "t")]).await;
    processor.wake.notify_one();
    settle(&database).await;
    let name = "public.h(walhook.inbound_event)";
    assert_eq!(
        database.inbound().await,
        [
            format!("gone failed 1 the handler {name} is not there any more"),
            format!(
                "stolen failed 1 the handler {name} belongs to {role} now, not to postgres as when it was registered"
            ),
        ]
    );
    assert!(effects(&database).await.is_empty());
    database.execute("alter function h owner to postgres").await;
    database.query("select walhook.retry_inbound(id) from walhook.inbound_event", &[]).await;
    settle(&database).await;
    assert_eq!(effects(&database).await, ["gone", "stolen"], "made anew by its owner, it runs");
    processor.stop().await;
}

#[tokio::test]
async fn the_origin_of_a_handlers_changes_stands_before_them_in_the_wal() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    database.execute("alter publication walhook add table effect").await;
    database.store(&[post("s", "evt_\"1\" é", "t")]).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    settle(&database).await;
    let sql =
        "select data from pg_logical_slot_peek_binary_changes($1, null, null, 'proto_version', '1',
               'publication_names', 'walhook', 'messages', 'true')";
    let rows = database.query(sql, &[&database.name]).await;
    let text = |row: &tokio_postgres::Row| String::from_utf8_lossy(row.get(0)).into_owned();
    let changes: Vec<String> = rows.iter().map(text).collect();
    let find = |wanted: &str| changes.iter().position(|change| change.contains(wanted)).unwrap();
    let origin = find("walhook.origin");
    let json = "{\"source\":\"s\",\"event_id\":\"evt_\\\"1\\\" é\"}";
    assert!(changes[origin].ends_with(json), "{:?}", changes[origin]);
    let insert = changes.iter().position(|change| change.starts_with('I')).unwrap();
    assert!(origin < insert && changes[origin - 1].starts_with('B'), "{changes:?}");
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
async fn a_source_that_left_the_configuration_waits_for_it() {
    let database = handled_by(Pg::shared(), EFFECT).await;
    let processor = Processor::start(&database, vec![source("other", &[])], limits());
    database.store(&[post("s", "a", "t")]).await;
    processor.wake.notify_one();
    database
        .execute(
            "create function o(walhook.inbound_event) returns void language sql as '';
             select walhook.on_inbound('other', '*', 'o(walhook.inbound_event)')",
        )
        .await;
    database.store(&[post("other", "b", "t")]).await;
    processor.wake.notify_one();
    database
        .becomes_true("select status = 'processed' from walhook.inbound_event where event_id = 'b'")
        .await;
    assert_eq!(database.inbound().await, ["a received 0", "b processed 1"]);
    let both = [source("other", &[]), source("s", &[])].map(Arc::new);
    processor.sources.send_replace(both.into());
    settle(&database).await;
    assert_eq!(effects(&database).await, ["a"]);
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
async fn many_failures_raise_one_alert_in_a_window() {
    let database = handled_by(Pg::shared(), "raise 'no'").await;
    let errors = ErrorAlert { count: 5, window: Duration::from_secs(600) };
    let processor = Processor::start_with(
        &database,
        vec![source("s", &[])],
        Limits { poll: Duration::from_millis(50), ..limits() },
        |processing| processing.errors = errors,
    );
    let posts = |from: usize, to: usize| -> Vec<_> {
        (from..to).map(|n| post("s", &n.to_string(), "t")).collect()
    };
    database.store(&posts(0, 4)).await;
    processor.wake.notify_one();
    settle(&database).await;
    let unusable = InboundEvent { unusable: Some("not an object"), ..event("bad", "t", "1") };
    let alerts = "select count(*) from walhook.alert where kind = 'inbound_errors'";
    assert_eq!(database.query_one::<i64>(alerts, &[]).await, 0);
    // The fifth is none that was handled.
    database.store(&[request("s", vec![unusable])]).await;
    database
        .becomes_true("select count(*) = 1 from walhook.alert where kind = 'inbound_errors'")
        .await;
    database.store(&posts(4, 30)).await;
    processor.wake.notify_one();
    settle(&database).await;
    processor.stop().await;
    assert_eq!(database.query_one::<i64>(alerts, &[]).await, 1, "once a window");
    let row = database
        .query("select count, message, details::text from walhook.alert", &[])
        .await
        .remove(0);
    assert_eq!(row.get::<_, i32>(0), 5);
    let (message, details): (&str, &str) = (row.get(1), row.get(2));
    assert!(message.contains("5 inbound events failed within 600 s"), "{message}");
    assert_eq!(details, r#"{"by_source": {"s": 5}, "window_seconds": 600}"#);
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
