//! Handlers of inbound events: which run, when, and what they see.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::inbound::{
    EFFECT, LATCH, Processor, WAITS, effects, event, handled_by, handler, installed, limits, post,
    request, settle, source,
};
use support::pg::Pg;
use walhook::config::inbound::ErrorAlert;
use walhook::inbound::process::Limits;
use walhook::store::inbound::InboundEvent;

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
