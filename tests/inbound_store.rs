//! Inbound events into the table: each once, whatever PostgreSQL thinks of its data.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use support::inbound::{dsn, event, installed, post, request, session};
use support::pg::{Database, Pg};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use walhook::admin::init;
use walhook::inbound::writer::{self, QueueLimits, Unavailable, Writer};
use walhook::shutdown::{self, Trigger};
use walhook::store::inbound::{
    InboundEvent, InboundRejection, InboundRequest, Repeats, Stored, Written,
};
use walhook::store::schema::{Installation, MIGRATIONS};

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
async fn a_glob_crosses_dots_and_takes_everything_else_literally() {
    let database = installed(Pg::shared()).await;
    database
        .execute("create function h(walhook.inbound_event) returns void language sql as ''")
        .await;
    for (n, (pattern, event_type, takes)) in [
        ("*", "a.b.c", true),
        ("*", "", true),
        ("a.*", "a.b.c", true),
        ("a.*", "a.", true),
        ("a.*", "a", false),
        ("a.*", "A.b", false),
        ("*.c", "a.b.c", true),
        ("a.*.c", "a.b.b.c", true),
        ("a.b", "a.b", true),
        ("a.b", "axb", false),
        ("a_b", "axb", false),
        ("a_b", "a_b", true),
        ("a%b", "axxb", false),
        ("a%b", "a%b", true),
        (r"a\b", r"a\b", true),
        (r"a\*", r"a\x", true),
        ("a?", "ab", false),
        ("[ab]", "a", false),
    ]
    .into_iter()
    .enumerate()
    {
        let source = format!("s{n}");
        let register = "select walhook.on_inbound($1, $2, 'h(walhook.inbound_event)')";
        database.query(register, &[&source, &pattern]).await;
        let is_due = database.store(&[post(&source, "x", event_type)]).await.is_due;
        assert_eq!(is_due, takes, "{pattern} and {event_type}");
    }
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
    let installation = Installation { slot: name, ..publication() };
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

fn publication() -> Installation {
    Installation { publication: "walhook".to_owned(), ..Installation::default() }
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
    }
}

#[tokio::test]
async fn an_installation_of_version_1_is_upgraded_beside_users_of_its_tables() {
    let database = Pg::shared().database().await;
    let first = MIGRATIONS[0].1;
    database.execute("create table orders (id int primary key)").await;
    database.execute(&format!("create schema walhook; {first}")).await;
    database.execute("insert into walhook.migration values (1)").await;
    // As strong as a lock of an application's transaction gets without ddl.
    let user = database.connect().await;
    user.client
        .batch_execute(
            "begin; lock table orders in share row exclusive mode; insert into orders values (1)",
        )
        .await
        .unwrap();
    let installation = Installation { slot: String::new(), ..publication() };
    let mut lines = vec![];
    let applied = walhook::store::Session::connect(&dsn(&database)).await.unwrap();
    let observed = applied.observe(&installation).await.unwrap();
    let steps = walhook::store::schema::plan(&observed, &installation);
    let steps: Vec<_> =
        steps.into_iter().take_while(|step| !step.subject.starts_with("slot")).collect();
    applied.apply(&steps, &mut |line| lines.push(line)).await.unwrap();
    let text = format!("{lines:?}");
    assert!(text.contains("brought to version 2") && !text.contains("version 1\""), "{text}");
    assert_eq!(database.store(&[post("s", "a", "t")]).await.written, [new()]);
}

#[tokio::test]
async fn only_admins_register_and_retry_and_nobody_else_reads_or_writes() {
    let database = installed(Pg::shared()).await;
    database.store(&[post("s", "a", "t")]).await;
    let name = &database.name;
    database
        .execute(&format!(
            "create function h(walhook.inbound_event) returns void language sql as '';
             create role {name}_nobody; create role {name}_viewer in role walhook_viewer;
             create role {name}_admin in role walhook_admin"
        ))
        .await;
    let on = "select walhook.on_inbound('s', '*', 'h(walhook.inbound_event)')";
    let off = "select walhook.off_inbound('s', '*', 'h')";
    let retry = "select walhook.retry_inbound(1)";
    let run = "select walhook.run_inbound(1, 0)";
    let statements = "select walhook.inbound_statements(e) from walhook.inbound_event as e";
    let read = "select payload, raw from walhook.inbound_event";
    let log = "select * from walhook.inbound_log";
    let tokens = "select * from walhook.inbound_token";
    let write = "update walhook.inbound_event set times_seen = 2";
    let insert = "insert into walhook.inbound_handler values ('s', '*', 'h', 'x')";
    for (role, may, may_not) in [
        (
            "nobody",
            &[][..],
            &[on, off, retry, run, statements, read, log, tokens, write, insert][..],
        ),
        ("viewer", &[read, log, tokens], &[on, off, retry, run, statements, write, insert]),
        ("admin", &[on, retry, off, read, log], &[run, statements, write, insert]),
    ] {
        for (sql, wanted) in may.iter().map(|s| (s, true)).chain(may_not.iter().map(|s| (s, false)))
        {
            database.execute(&format!("set role {name}_{role}")).await;
            let outcome = database.client().simple_query(sql).await;
            database.execute("reset role").await;
            assert_eq!(outcome.is_ok(), wanted, "{role}: {sql}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_function_that_is_no_handler_is_refused_with_a_hint() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create function no_argument() returns void language sql as '';
             create function two(walhook.inbound_event, int) returns void language sql as '';
             create function other(jsonb) returns void language sql as '';
             create function returns_int(walhook.inbound_event) returns int language sql as 'select 1';
             create function returns_set(walhook.inbound_event) returns setof void language sql as '';
             create procedure proc(walhook.inbound_event) language sql as '';
             create function good(walhook.inbound_event) returns void language sql as ''",
        )
        .await;
    let hint_of = async |call: &str| {
        let error = database.client().simple_query(call).await.unwrap_err();
        let error = error.as_db_error().unwrap().clone();
        (error.message().to_owned(), error.hint().unwrap_or_default().to_owned())
    };
    for signature in [
        "no_argument()",
        "two(walhook.inbound_event, int)",
        "other(jsonb)",
        "returns_int(walhook.inbound_event)",
        "returns_set(walhook.inbound_event)",
        "proc(walhook.inbound_event)",
    ] {
        let call = format!("select walhook.on_inbound('s', '*', '{signature}')");
        let (message, hint) = hint_of(&call).await;
        assert!(message.contains("cannot handle inbound events"), "{signature}: {message}");
        assert!(hint.contains("walhook.inbound_event"), "{signature}: {hint}");
    }
    let good = "good(walhook.inbound_event)";
    for arguments in [
        format!("'S', '*', '{good}'"),
        format!("null, '*', '{good}'"),
        format!("'s', '', '{good}'"),
        format!("'s', null, '{good}'"),
        "'s', '*', null".to_owned(),
    ] {
        let (_, hint) = hint_of(&format!("select walhook.on_inbound({arguments})")).await;
        assert!(!hint.is_empty(), "{arguments}");
    }
    for _ in 0..2 {
        database.query(&format!("select walhook.on_inbound('s', '*', '{good}')"), &[]).await;
    }
    assert_eq!(number(&database, "select count(*) from walhook.inbound_handler").await, 1);
    for (handler, wanted) in [("h", false), ("public.good", true), ("public.good", false)] {
        let off = "select walhook.off_inbound('s', '*', $1)";
        assert_eq!(database.query_one::<bool>(off, &[&handler]).await, wanted);
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
    let new = outcomes.iter().filter(|o| **o == Ok(new().unwrap())).count();
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
    let installation = Installation { slot: database.name.clone(), ..publication() };
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

#[tokio::test]
async fn repeats_of_an_event_that_somebody_deleted_are_forgotten() {
    let database = installed(Pg::shared()).await;
    let mut repeats = Repeats::from([(("s".into(), "gone".to_owned()), 3)]);
    session(&database).await.count_repeats(&mut repeats).await.unwrap();
    assert!(repeats.is_empty());
}
