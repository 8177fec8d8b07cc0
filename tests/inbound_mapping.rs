//! `[inbound.sources.X.into]`: events become rows of a business table, in the transaction of the
//! handlers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::inbound::{Processor, event, installed, limits, mapped, request, session, source};
use support::pg::{Database, Pg};
use walhook::config::TableName;
use walhook::config::inbound::{Column, Json, Mapping, OnConflict, TimestampUnit};
use walhook::store::inbound::InboundEvent;

fn path(dotted: &str) -> Column {
    Column::Path(json(dotted))
}

fn json(dotted: &str) -> Json {
    Json(dotted.split('.').map(str::to_owned).collect())
}

fn value(text: &str) -> Column {
    Column::Value(text.to_owned())
}

fn sql(expression: &str) -> Column {
    Column::Sql(expression.to_owned())
}

fn into(table: &str, columns: Vec<(&str, Column)>) -> Mapping {
    Mapping {
        table: TableName { schema: "public".to_owned(), name: table.to_owned() },
        columns: columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect(),
        types: vec![],
        conflict: vec![],
        on_conflict: OnConflict::Nothing,
    }
}

/// Events of `s` that its mapping takes.
async fn store(database: &Database, events: &[(&str, &str, &str)]) {
    for (id, event_type, payload) in events {
        let event = InboundEvent { mapped: true, ..event(id, event_type, payload) };
        database.store(&[request("s", vec![event])]).await;
    }
}

/// Carries `mapping` out for all events that are stored.
async fn carry_out(database: &Database, mapping: Mapping) {
    let source = mapped(source("s", &[]), mapping);
    let processor = Processor::start(database, vec![source], limits());
    let settled = "select not exists (select from walhook.inbound_event where status = 'received')";
    database.becomes_true(settled).await;
    processor.stop().await;
}

async fn rows(database: &Database, table: &str) -> Vec<String> {
    let sql = format!("select t::text from {table} as t order by 1");
    database.query(&sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn values_become_what_the_columns_hold() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create type mood as enum ('fine', 'bad');
             create domain short as text check (length(value) < 5);
             create table target (
                 id text, amount numeric(10, 2), at timestamptz, day date, local timestamp, ms timestamptz,
                 iso timestamptz, mood mood, fixed mood, doc jsonb, raw_doc json, list text[], numbers int[],
                 flag boolean, whole text, missing text, nothing jsonb, short short, \"Odd Name\" uuid,
                 n int generated always as identity, kept int default 7
             )",
        )
        .await;
    let payload = r#"{"data":{"object":{"id":"ch_1","amount":1999,"created":1700000000,"tags":["a","b\"c"]}},
        "ms":1700000000123,"iso":"2026-01-16T12:30:00+02:00","mood":"bad","list":[1,2],"flag":true,
        "null":null,"short":"abcd","uuid":"6f1f0e0c-5a0e-4c8e-9d64-0a6d3c1f2b3a","items":[{"sku":"x"},{"sku":"y"}]}"#;
    store(&database, &[("evt_1", "charge.succeeded", payload)]).await;
    let columns = vec![
        ("id", path("data.object.id")),
        ("amount", sql("(payload #>> '{data,object,amount}')::numeric / 100 -- in cents")),
        ("at", Column::Unix(json("data.object.created"), TimestampUnit::Seconds)),
        ("day", Column::Unix(json("data.object.created"), TimestampUnit::Seconds)),
        ("local", Column::Unix(json("data.object.created"), TimestampUnit::Seconds)),
        ("ms", Column::Unix(json("ms"), TimestampUnit::Milliseconds)),
        ("iso", path("iso")),
        ("mood", path("mood")),
        ("fixed", value("fine")),
        ("doc", path("data.object")),
        ("raw_doc", path("iso")),
        ("list", path("data.object.tags")),
        ("numbers", path("list")),
        ("flag", path("flag")),
        ("whole", path("items.1.sku")),
        ("missing", path("no.such.path")),
        ("nothing", path("null")),
        ("short", path("short")),
        ("Odd Name", path("uuid")),
    ];
    carry_out(&database, into("target", columns)).await;
    assert_eq!(database.inbound().await, ["evt_1 processed 1"]);
    database.execute("set timezone = 'UTC'").await;
    let row = "select to_jsonb(t)::text from target as t";
    let row: serde_json::Value =
        serde_json::from_str(&database.query_one::<String>(row, &[]).await).unwrap();
    assert_eq!(
        row,
        serde_json::json!({
            "id": "ch_1", "amount": 19.99, "at": "2023-11-14T22:13:20+00:00", "day": "2023-11-14",
            "local": "2023-11-14T22:13:20", "ms": "2023-11-14T22:13:20.123+00:00",
            "iso": "2026-01-16T10:30:00+00:00", "mood": "bad", "fixed": "fine",
            "doc": {"id": "ch_1", "amount": 1999, "created": 1_700_000_000, "tags": ["a", "b\"c"]},
            "raw_doc": "2026-01-16T12:30:00+02:00", "list": ["a", "b\"c"], "numbers": [1, 2],
            "flag": true, "whole": "y", "missing": null, "nothing": null, "short": "abcd",
            "Odd Name": "6f1f0e0c-5a0e-4c8e-9d64-0a6d3c1f2b3a", "n": 1, "kept": 7
        })
    );
}

#[tokio::test]
async fn a_row_that_is_there_stays_or_takes_the_events_values() {
    let database = installed(Pg::shared()).await;
    let table = "create table target (id text unique, status text, note text default 'kept')";
    for (on_conflict, wanted) in [
        (OnConflict::Nothing, ["(a,first,kept)", "(b,only,kept)"]),
        (OnConflict::Update, ["(a,second,kept)", "(b,only,kept)"]),
    ] {
        database
            .execute(&format!(
                "drop table if exists target; {table}; truncate walhook.inbound_event"
            ))
            .await;
        let columns = vec![("id", path("id")), ("status", path("status"))];
        let mapping =
            Mapping { conflict: vec!["id".to_owned()], on_conflict, ..into("target", columns) };
        store(&database, &[("1", "t", r#"{"id":"a","status":"first"}"#)]).await;
        carry_out(&database, mapping.clone()).await;
        let more = [
            ("2", "t", r#"{"id":"a","status":"second"}"#),
            ("3", "t", r#"{"id":"b","status":"only"}"#),
        ];
        store(&database, &more).await;
        carry_out(&database, mapping).await;
        assert_eq!(rows(&database, "target").await, wanted);
        assert_eq!(database.inbound().await, ["1 processed 1", "2 processed 1", "3 processed 1"]);
    }
}

#[tokio::test]
async fn an_update_of_nothing_but_the_key_leaves_the_row() {
    let database = installed(Pg::shared()).await;
    database.execute("create table target (id text unique); insert into target values ('a')").await;
    let on_conflict = OnConflict::Update;
    let mapping = into("target", vec![("id", path("id"))]);
    store(&database, &[("1", "t", r#"{"id":"a"}"#)]).await;
    carry_out(&database, Mapping { conflict: vec!["id".to_owned()], on_conflict, ..mapping }).await;
    assert_eq!(database.inbound().await, ["1 processed 1"]);
    assert_eq!(rows(&database, "target").await, ["(a)"]);
}

#[tokio::test]
async fn a_row_that_postgresql_refuses_fails_the_event() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create table target (id varchar(3) primary key, n int check (n > 0), at timestamptz)",
        )
        .await;
    let events = [
        ("check", "t", r#"{"id":"a","n":-1}"#),
        ("double", "t", r#"{"id":"dup"}"#),
        ("double again", "t", r#"{"id":"dup"}"#),
        ("good", "t", r#"{"id":"abc","n":"5","at":0}"#),
        ("long", "t", r#"{"id":"abcd"}"#),
        ("no number", "t", r#"{"id":"b","n":"x"}"#),
        ("no time", "t", r#"{"id":"c","at":"soon"}"#),
        ("null", "t", "{}"),
    ];
    store(&database, &events).await;
    let at = Column::Unix(json("at"), TimestampUnit::Seconds);
    carry_out(&database, into("target", vec![("id", path("id")), ("n", path("n")), ("at", at)]))
        .await;
    let found = database.inbound().await;
    let (good, failed): (Vec<_>, Vec<_>) =
        found.iter().partition(|line| line.contains("processed"));
    assert_eq!(good.len(), 2, "{found:#?}");
    for (line, wanted) in failed.iter().zip([
        "check failed 1 new row for relation \"target\" violates check constraint",
        "failed 1 duplicate key value violates unique constraint",
        "long failed 1 value too long for type character varying(3)",
        "no number failed 1 invalid input syntax for type integer: \"x\"",
        "no time failed 1 invalid input syntax for type double precision: \"soon\"",
        "null failed 1 null value in column \"id\"",
    ]) {
        assert!(line.contains(wanted), "{line}: {wanted}");
    }
    assert_eq!(rows(&database, "target").await, ["(abc,5,\"1970-01-01 00:00:00+00\")", "(dup,,)"]);
}

#[tokio::test]
async fn a_mapping_takes_its_types_only_and_shares_the_handlers_transaction() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create table target (id text);
             create table effect (note text);
             create function h(e walhook.inbound_event) returns void language plpgsql as $$ begin
                 -- The mapping comes first.
                 insert into effect select e.event_id || ' ' || count(*) from target;
                 if e.event_id = 'bad' then raise 'no'; end if;
             end $$;
             select walhook.on_inbound('s', '*', 'h(walhook.inbound_event)')",
        )
        .await;
    let types = vec!["charge.*".to_owned(), "a_b%".to_owned()];
    let mapping = Mapping { types, ..into("target", vec![("id", path("id"))]) };
    let events = [
        ("bad", "charge.failed", r#"{"id":"bad"}"#),
        ("good", "charge.succeeded", r#"{"id":"good"}"#),
        ("literal", "a_b%", r#"{"id":"literal"}"#),
        ("other", "customer.created", r#"{"id":"other"}"#),
        ("wild", "axbc", r#"{"id":"wild"}"#),
    ];
    for event in events {
        store(&database, &[event]).await;
    }
    carry_out(&database, mapping).await;
    assert_eq!(rows(&database, "target").await, ["(good)", "(literal)"]);
    let [good, ..] = &rows(&database, "effect").await[..] else { panic!() };
    assert!(good.starts_with("(\"good 1") || good.starts_with("(\"good 2"), "{good}");
    assert_eq!(database.inbound().await[0], "bad failed 1 no");
}

#[tokio::test]
async fn a_mapping_follows_the_table_as_it_changes() {
    let database = installed(Pg::shared()).await;
    database.execute("create table target (id int)").await;
    store(&database, &[("1", "t", r#"{"id":"x"}"#)]).await;
    let source = mapped(source("s", &[20; 100]), into("target", vec![("id", path("id"))]));
    let processor = Processor::start(&database, vec![source], limits());
    database.becomes_true("select status = 'failed' from walhook.inbound_event").await;
    database.execute("alter table target alter id type text").await;
    database.becomes_true("select status = 'processed' from walhook.inbound_event").await;
    assert_eq!(rows(&database, "target").await, ["(x)"]);
    processor.stop().await;
}

#[tokio::test]
async fn a_mapping_that_left_the_configuration_is_gone() {
    let database = installed(Pg::shared()).await;
    database.execute("create table target (id text)").await;
    let session = session(&database).await;
    let with = mapped(source("s", &[]), into("target", vec![("id", path("id"))]));
    let other = mapped(source("other", &[]), into("target", vec![("id", path("x"))]));
    session.keep_mappings([&with, &other]).await.unwrap();
    let names = "select string_agg(source || ' ' || columns::text, ', ' order by source) from walhook.inbound_mapping";
    let both = r#"other [{"path": ["x"], "column": "id"}], s [{"path": ["id"], "column": "id"}]"#;
    assert_eq!(database.query_one::<String>(names, &[]).await, both);
    let changed = "select max(changed_at)::text from walhook.inbound_mapping";
    let before: String = database.query_one(changed, &[]).await;
    session.keep_mappings([&with, &other]).await.unwrap();
    assert_eq!(database.query_one::<String>(changed, &[]).await, before, "and nothing is written");
    session.keep_mappings([&source("s", &[]), &other]).await.unwrap();
    assert_eq!(
        database.query_one::<i64>("select count(*) from walhook.inbound_mapping", &[]).await,
        1
    );
}

/// Mappings that cannot work, and how the one fault of each begins.
fn faulty(good: &Mapping) -> Vec<(Mapping, &'static str)> {
    let must = || ("must", value("1"));
    vec![
        (into("gone", vec![("id", path("id"))]), "table: the table public.gone does not exist"),
        (
            into("seen", vec![("id", path("id"))]),
            "columns: PostgreSQL refuses it: cannot insert into view",
        ),
        (
            into("target", vec![("idd", path("id")), must()]),
            "columns.idd: the table public.target has no column idd",
        ),
        (
            into("target", vec![("id", path("id"))]),
            "columns: the column must of public.target takes no null, has no default, and gets no value",
        ),
        (
            into("target", vec![("mood", value("sad")), must()]),
            "columns: PostgreSQL refuses it: invalid input value for enum mood: \"sad\"",
        ),
        (
            into("target", vec![("at", sql("payload ->> 'x'")), must()]),
            "columns: PostgreSQL refuses it: column \"at\" is of type timestamp with time zone but expression is of type text",
        ),
        (
            into("target", vec![("at", sql("no_such_function(payload)")), must()]),
            "columns: PostgreSQL refuses it: function no_such_function(jsonb) does not exist",
        ),
        (
            into("target", vec![("at", sql("now(), now()")), must()]),
            "columns: PostgreSQL refuses it:",
        ),
        (
            into("target", vec![("n", Column::Unix(json("x"), TimestampUnit::Seconds)), must()]),
            "columns: PostgreSQL refuses it: column \"n\" is of type integer but expression is of type timestamp",
        ),
        (
            into("target", vec![("always", path("x")), must()]),
            "columns: PostgreSQL refuses it: cannot insert a non-DEFAULT value into column \"always\"",
        ),
        (
            into("target", vec![("made", path("x")), must()]),
            "columns: PostgreSQL refuses it: cannot insert a non-DEFAULT value into column \"made\"",
        ),
        (
            Mapping { conflict: vec!["n".to_owned()], ..good.clone() },
            "conflict: no unique constraint or index of public.target is over exactly n; alter table public.target add unique (n);",
        ),
        (
            Mapping { conflict: vec!["x".to_owned()], ..good.clone() },
            "conflict: the table public.target has no column x",
        ),
    ]
}

#[tokio::test]
async fn faults_of_a_mapping_are_found_with_their_fix() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create type mood as enum ('fine');
             create table target (
                 id text unique, n int not null default 1, must int not null, mood mood, at timestamptz,
                 always int generated always as identity, made int generated always as (1) stored
             );
             create unique index on target (lower(id));
             create view seen as select 1 as id group by 1",
        )
        .await;
    let session = session(&database).await;
    session.only_look().await.unwrap();
    let faults = async |mapping: &Mapping| -> Vec<String> {
        let faults = session.mapping_faults(mapping).await.unwrap();
        faults.iter().map(|f| format!("{}: {}; {}", f.key, f.problem, f.fix)).collect()
    };
    let must = ("must", value("1"));
    let good = into("target", vec![("id", path("id")), must, ("at", sql("now()"))]);
    assert_eq!(faults(&good).await, [""; 0]);
    for (mapping, wanted) in faulty(&good) {
        let found = faults(&mapping).await;
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:#?}");
    }
}
