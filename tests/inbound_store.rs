//! Inbound events into the table: each once, whatever PostgreSQL thinks of its data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use support::inbound::{event, installed, post, request, session};
use support::pg::{Database, Pg};
use walhook::admin::init;
use walhook::store::inbound::{
    InboundEvent, InboundRejection, InboundRequest, Repeats, Stored, Written,
};
use walhook::store::schema::Installation;

const PATIENCE: Duration = Duration::from_secs(30);

/// Stored; of its events these were there already.
fn stored<const EVENTS: usize>(duplicates: [bool; EVENTS]) -> Option<Written> {
    Some(Written::Stored { duplicates: duplicates.to_vec(), processed_at: None })
}

/// A request of one new event, and of one that was there already.
fn new() -> Option<Written> {
    stored([false])
}

fn duplicate() -> Option<Written> {
    stored([true])
}

async fn number(database: &Database, sql: &str) -> i64 {
    database.query_one(sql, &[]).await
}

#[tokio::test]
async fn an_event_is_stored_whole_and_a_repeat_is_a_duplicate() {
    let database = installed(Pg::shared()).await;
    let raw = br#"{ "b": 1.50, "a": "\u00e4" }"#;
    let mut first = event("evt_1", "charge.succeeded", std::str::from_utf8(raw).unwrap());
    first.raw = Bytes::from_static(raw);
    let again = request("stripe", vec![first]);
    let Stored { written, is_due, repeats } = database.store(std::slice::from_ref(&again)).await;
    assert_eq!((written, is_due, repeats.len()), (vec![new()], false, 0));
    let row = database.query("select * from walhook.inbound_event", &[]).await.remove(0);
    assert_eq!(row.get::<_, &str>("source"), "stripe");
    assert_eq!(row.get::<_, &str>("event_id"), "evt_1");
    assert_eq!(row.get::<_, &str>("event_type"), "charge.succeeded");
    assert_eq!(row.get::<_, serde_json::Value>("payload"), serde_json::json!({"a": "ä", "b": 1.5}));
    assert_eq!(row.get::<_, &[u8]>("raw"), raw);
    assert_eq!(row.get::<_, &str>("body_sha256"), "00".repeat(32));
    assert_eq!(row.get::<_, serde_json::Value>("headers")["content-type"], "application/json");
    assert_eq!((row.get::<_, i32>("attempts"), row.get::<_, i64>("times_seen")), (0, 1));
    let Stored { written, mut repeats, .. } = database.store(&[again]).await;
    assert_eq!(written, [duplicate()]);
    session(&database).await.count_repeats(&mut repeats).await.unwrap();
    assert!(repeats.is_empty());
    assert_eq!(number(&database, "select times_seen from walhook.inbound_event").await, 2);
}

#[tokio::test]
async fn repeats_within_a_request_and_within_a_batch_are_duplicates() {
    let database = installed(Pg::shared()).await;
    let twice =
        request("s", vec![event("b", "t", "1"), event("a", "t", "2"), event("b", "t", "3")]);
    let others = request("s", vec![event("c", "t", "4"), event("a", "t", "5")]);
    let elsewhere = post("other", "a", "t");
    let Stored { written, repeats, .. } = database.store(&[twice, others, elsewhere]).await;
    assert_eq!(written, [stored([false, false, true]), stored([false, true]), new()]);
    let repeats: BTreeSet<_> =
        repeats.iter().map(|((_, id), times)| (id.clone(), *times)).collect();
    assert_eq!(repeats, BTreeSet::from([("a".to_owned(), 1), ("b".to_owned(), 1)]));
    let sql = "select string_agg(event_id || payload, ' ' order by event_id) \
               from walhook.inbound_event where source = 's'";
    assert_eq!(database.query_one::<String>(sql, &[]).await, "a2 b1 c4", "the first one counts");
}

#[tokio::test]
async fn a_duplicate_of_a_processed_event_says_when_that_was() {
    let database = installed(Pg::shared()).await;
    database.store(&[post("s", "a", "t"), post("s", "b", "t")]).await;
    database
        .execute(
            "update walhook.inbound_event set status = 'processed',
             processed_at = '2026-01-16 12:30:00.25+00' where event_id = 'a'",
        )
        .await;
    let both = request("s", vec![event("a", "t", "{}"), event("b", "t", "{}")]);
    let written = database.store(&[post("s", "a", "t"), post("s", "b", "t"), both]).await.written;
    let processed_at = Some("2026-01-16T12:30:00.25Z".to_owned());
    let processed = Some(Written::Stored { duplicates: vec![true], processed_at });
    assert_eq!(written, [processed, duplicate(), stored([true, true])]);
}

#[tokio::test]
async fn nothing_to_store_is_stored() {
    let database = installed(Pg::shared()).await;
    let nothing = InboundRequest { replay: Some("x".to_owned()), ..request("s", vec![]) };
    assert_eq!(database.store(&[nothing]).await.written, [stored([])]);
    assert!(database.store(&[]).await.written.is_empty());
}

#[tokio::test]
async fn an_event_is_due_if_a_handler_or_a_mapping_takes_it_and_else_ignored() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create function h(walhook.inbound_event) returns void language sql as '';
             select walhook.on_inbound('s', 'charge.*', 'h(walhook.inbound_event)')",
        )
        .await;
    let mapped = InboundEvent { mapped: true, ..event("mapped", "other", "{}") };
    let unusable =
        InboundEvent { unusable: Some("not an object"), ..event("bad", "charge.x", "1") };
    let untyped = InboundEvent { event_type: None, ..event("untyped", "", "{}") };
    let handled = event("handled", "charge.refund.updated", "{}");
    let unwanted = event("unwanted", "charge", "{}");
    let is_due = |stored: Stored| stored.is_due;
    assert!(!is_due(database.store(&[request("s", vec![unwanted, unusable, untyped])]).await));
    assert!(!is_due(database.store(&[post("another", "elsewhere", "charge.x")]).await));
    assert!(is_due(database.store(&[request("s", vec![handled])]).await));
    assert!(is_due(database.store(&[request("s", vec![mapped])]).await));
    assert_eq!(
        database.inbound().await,
        [
            "bad failed 0 not an object",
            "elsewhere ignored 0",
            "handled received 0",
            "mapped received 0",
            "untyped ignored 0",
            "unwanted ignored 0",
        ]
    );
}

#[tokio::test]
async fn a_token_may_come_again_with_its_event_only() {
    let database = installed(Pg::shared()).await;
    let with = |id: &str, token: &str| InboundRequest {
        replay: Some(token.to_owned()),
        ..post("mailgun", id, "delivered")
    };
    let replayed = Some(Written::Replayed);
    let written =
        database.store(&[with("a", "t1"), with("b", "t1"), with("c", "t2")]).await.written;
    assert_eq!(written, [new(), replayed.clone(), new()], "within one batch");
    let written =
        database.store(&[with("a", "t1"), with("d", "t2"), post("mailgun", "e", "x")]).await;
    assert_eq!(written.written, [duplicate(), replayed, new()]);
    assert_eq!(database.inbound().await, ["a ignored 0", "c ignored 0", "e ignored 0"]);
    let elsewhere = InboundRequest { source: "other".into(), ..with("z", "t1") };
    assert_eq!(database.store(&[elsewhere]).await.written, [new()], "another source's token");
}

/// Texts that JSON allows and jsonb does not.
fn refusals() -> Vec<(&'static str, String)> {
    vec![
        ("nul", r#"{"a":"\u0000"}"#.to_owned()),
        ("surrogate", r#"{"a":"\ud800"}"#.to_owned()),
        ("number", format!("{{\"a\":1e{}}}", "9".repeat(6))),
        ("nesting", "[".repeat(30_000) + &"]".repeat(30_000)),
        ("long key", format!("{{\"{}\":1}}", "k".repeat(300_000_000 / 1000))),
    ]
}

#[tokio::test]
async fn what_jsonb_cannot_hold_is_stored_without_payload_and_spoils_nothing_else() {
    let database = installed(Pg::shared()).await;
    let mut requests = vec![];
    for (name, payload) in refusals() {
        requests.push(post("s", &format!("{name} before"), "t"));
        let batch = vec![
            event(&format!("{name} 1"), "t", "{}"),
            event(&format!("{name} 2"), "t", &payload),
            event(&format!("{name} 1"), "t", "{}"),
        ];
        requests.push(InboundRequest { replay: Some(name.to_owned()), ..request("s", batch) });
    }
    let written = database.store(&requests).await.written;
    for pair in written.chunks(2) {
        assert_eq!(pair, [new(), stored([false, false, true])]);
    }
    let total = number(&database, "select count(*) from walhook.inbound_event").await;
    assert_eq!(total, 3 * refusals().len() as i64);
    for (name, payload) in refusals() {
        let sql = "select payload is null, raw from walhook.inbound_event where event_id = $1";
        let row = database.query(sql, &[&format!("{name} 2")]).await.remove(0);
        assert!(row.get::<_, bool>(0) || name == "long key", "{name}");
        assert_eq!(row.get::<_, &[u8]>(1), payload.as_bytes());
    }
    assert_eq!(database.store(&requests).await.written[1], stored([true; 3]), "and is known again");
}

#[tokio::test]
async fn an_id_or_type_that_no_text_can_hold_is_replaced_by_the_digest_of_the_bytes() {
    let database = installed(Pg::shared()).await;
    let nul = event("a\0b", "t", r#"{"n":1}"#);
    let long: String = (0..4000).map(|n| char::from(b'a' + (n * 7919 % 26) as u8)).collect();
    let long = event(
        &long
            .chars()
            .rev()
            .chain(long.chars().map(|c| if c == 'a' { 'Z' } else { c }))
            .collect::<String>(),
        "t",
        r#"{"n":2}"#,
    );
    let odd_type = event("fine", "t\0", r#"{"n":3}"#);
    let requests = [
        post("s", "x", "t"),
        InboundRequest { replay: Some("token".to_owned()), ..request("s", vec![nul]) },
        request("s", vec![odd_type, event("y", "t", "{}")]),
        request("s", vec![long]),
    ];
    let Stored { written, .. } = database.store(&requests).await;
    assert_eq!(written, [new(), new(), stored([false, false]), new()]);
    let sql = "select count(*) from walhook.inbound_event \
               where event_id = 'sha256:' || encode(sha256(raw), 'hex') and payload is null";
    assert!(number(&database, sql).await >= 2);
    assert_eq!(number(&database, "select count(*) from walhook.inbound_event").await, 5);
    let written = database.store(&requests).await.written;
    assert_eq!(written, [duplicate(), duplicate(), stored([true, true]), duplicate()]);
}

#[tokio::test]
async fn what_the_table_refuses_in_every_form_is_refused_alone() {
    let database = installed(Pg::shared()).await;
    database
        .execute("alter table walhook.inbound_event add constraint mine check (source <> 'bad')")
        .await;
    let requests = [post("s", "a", "t"), post("bad", "b", "t"), post("s", "c", "t")];
    assert_eq!(database.store(&requests).await.written, [new(), None, new()]);
    assert_eq!(database.inbound().await, ["a ignored 0", "c ignored 0"]);
}

#[tokio::test]
async fn a_database_of_another_encoding_stores_what_it_can() {
    let outer = Pg::shared().database().await;
    let name = format!("{}_latin1", outer.name);
    let create = "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'";
    outer.execute(&format!("create database {name} template template0 {create}")).await;
    let url = outer.url.replace(&outer.name, &name);
    let dsn = walhook::config::dsn::Dsn::parse(&url).unwrap();
    let publication = "walhook".to_owned();
    let installation = Installation { slot: name, publication, ..Installation::default() };
    init::install(&dsn, &installation, &mut |_| ()).await.unwrap();
    let session = walhook::store::Session::connect_to_queue(&dsn).await.unwrap();
    let requests = [
        request("s", vec![event("ä", "t", r#"{"a":"ä"}"#)]),
        request("s", vec![event("b", "t", r#"{"a":"☃"}"#)]),
        request("s", vec![event("☃", "t", "{}")]),
    ];
    let stored = session.store_inbound(&requests).await.unwrap();
    assert!(stored.written.iter().all(Option::is_some));
}

#[tokio::test]
async fn a_duplicate_does_not_wait_for_a_handler_that_changes_the_row() {
    let database = installed(Pg::shared()).await;
    database.store(&[post("s", "a", "t")]).await;
    let handler = database.connect().await;
    handler
        .client
        .batch_execute("begin; update walhook.inbound_event set error_message = 'x'")
        .await
        .unwrap();
    let session = session(&database).await;
    let requests = [post("s", "a", "t"), post("s", "b", "t")];
    let stored_again = session.store_inbound(&requests);
    let Stored { written, mut repeats, .. } =
        tokio::time::timeout(PATIENCE, stored_again).await.unwrap().unwrap();
    assert_eq!(written, [duplicate(), new()]);
    session.count_repeats(&mut repeats).await.unwrap();
    assert_eq!(repeats.len(), 1, "it is counted later");
    handler.client.batch_execute("commit").await.unwrap();
    session.count_repeats(&mut repeats).await.unwrap();
    assert_eq!(repeats.len(), 0);
    let sql = "select times_seen from walhook.inbound_event where event_id = 'a'";
    assert_eq!(number(&database, sql).await, 2);
}

#[tokio::test]
async fn two_writers_store_the_same_events_once_and_never_wait_in_a_circle() {
    let database = installed(Pg::shared()).await;
    let (one, other) = (session(&database).await, session(&database).await);
    let ids: Vec<String> = (0..50).map(|n| format!("evt_{n}")).collect();
    let mut new = 0;
    for round in 0..20 {
        let events = |ids: &mut dyn Iterator<Item = &String>| {
            ids.map(|id| event(&format!("{id}_{round}"), "t", "{}")).collect()
        };
        let forwards = [request("s", events(&mut ids.iter()))];
        let backwards = [request("s", events(&mut ids.iter().rev()))];
        let (a, b) = tokio::join!(one.store_inbound(&forwards), other.store_inbound(&backwards));
        for stored in [a.unwrap(), b.unwrap()] {
            let Some(Written::Stored { duplicates, .. }) = &stored.written[0] else { panic!() };
            new += duplicates.iter().filter(|duplicate| !**duplicate).count();
        }
    }
    assert_eq!(new, 50 * 20);
    assert_eq!(number(&database, "select count(*) from walhook.inbound_event").await, 50 * 20);
}

#[tokio::test]
async fn the_planner_finds_events_by_index_in_a_table_that_was_empty_when_it_planned() {
    let database = installed(Pg::shared()).await;
    database.execute(include_str!("../sql/queue_session.sql")).await;
    database
        .execute("analyze walhook.inbound_event; set plan_cache_mode = force_generic_plan")
        .await;
    let by_index = [
        "store_inbound",
        "processed_inbound",
        "count_repeats",
        "claim_inbound",
        "next_inbound",
        "fail_inbound",
        "release_inbound",
        "forget_inbound",
        "inbound_errors",
    ];
    for name in by_index {
        let sql = walhook::store::STATEMENTS.iter().find(|(other, _)| *other == name).unwrap().1;
        let statement = database.client().prepare(sql).await.unwrap();
        let nulls = vec!["null"; statement.params().len()].join(", ");
        database.execute(&format!("prepare {name} as {sql}")).await;
        let plan = database.query(&format!("explain execute {name} ({nulls})"), &[]).await;
        let plan: String = plan.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
        assert!(!plan.contains("Seq Scan on inbound_event"), "{name}: {plan}");
        assert!(plan.contains("Index"), "{name}: {plan}");
        if ["store_inbound", "processed_inbound", "count_repeats"].contains(&name) {
            let to_one_event =
                |line: &str| line.contains("Index Cond") && line.contains("event_id");
            assert!(plan.lines().any(to_one_event), "{name} reads a whole source: {plan}");
        }
    }
}

#[tokio::test]
async fn old_events_lose_their_content_and_keep_their_ids() {
    let database = installed(Pg::shared()).await;
    let ids = ["old", "young", "due", "retried", "failed"];
    let requests: Vec<_> = ids.iter().map(|id| post("s", id, "t")).collect();
    database.store(&requests).await;
    database
        .execute(
            "update walhook.inbound_event set received_at = now() - interval '2 days' where event_id <> 'young';
             update walhook.inbound_event set status = 'received' where event_id = 'due';
             update walhook.inbound_event set status = 'failed', error_message = 'x' where event_id in ('retried', 'failed');
             update walhook.inbound_event set next_retry_at = now() + interval '1 h' where event_id = 'retried'",
        )
        .await;
    let session = session(&database).await;
    let day = Duration::from_secs(24 * 3600);
    assert!(!session.forget_inbound(day).await.unwrap(), "that was all");
    let sql = "select event_id from walhook.inbound_event \
               where payload is null and raw is null order by event_id";
    let forgotten: Vec<String> = database.query(sql, &[]).await.iter().map(|r| r.get(0)).collect();
    assert_eq!(forgotten, ["failed", "old"], "what is still to be handled keeps it");
    assert_eq!(database.store(&requests).await.written, vec![duplicate(); 5], "the guard stays");
}

#[tokio::test]
async fn rejections_are_written_and_forgotten() {
    let database = installed(Pg::shared()).await;
    let session = session(&database).await;
    let rejection = InboundRejection {
        source: "s".into(),
        reason: "bad_signature",
        skew_seconds: Some(-3),
        header_names: vec!["host".to_owned(), "x-sig".to_owned()],
        body_bytes: 5,
        body_sha256: "ab".to_owned(),
    };
    let bare = InboundRejection { skew_seconds: None, header_names: vec![], ..rejection.clone() };
    session.log_rejections(&[rejection, bare]).await.unwrap();
    let sql = "select concat_ws(' ', source, reason, skew_seconds, header_names, body_bytes, body_sha256) \
               from walhook.inbound_rejection order by id";
    let rows: Vec<String> = database.query(sql, &[]).await.iter().map(|r| r.get(0)).collect();
    assert_eq!(rows, ["s bad_signature -3 {host,x-sig} 5 ab", "s bad_signature {} 5 ab"]);
    session.forget_rejections(Duration::from_secs(60)).await.unwrap();
    assert_eq!(number(&database, "select count(*) from walhook.inbound_rejection").await, 2);
    session.forget_rejections(Duration::ZERO).await.unwrap();
    assert_eq!(number(&database, "select count(*) from walhook.inbound_rejection").await, 0);
}

#[tokio::test]
async fn repeats_of_an_event_that_somebody_deleted_are_forgotten() {
    let database = installed(Pg::shared()).await;
    let mut repeats = Repeats::from([(("s".into(), "gone".to_owned()), 3)]);
    session(&database).await.count_repeats(&mut repeats).await.unwrap();
    assert!(repeats.is_empty());
}
