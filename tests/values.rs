//! JSON forms against what PostgreSQL itself says of the same row.
//!
//! A type's output function under the replication session's settings gives the text that
//! pgoutput sends (a cast to text does not always: bool, char). What `write_json` makes of it must equal `to_jsonb` up to the differences that the contract
//! lists; `expected` is that list.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their helpers")]

mod support;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;
use serde_json::value::RawValue;
use support::pg::{Database, Pg};
use tokio_postgres::types::ToSql;
use walhook::value::{Kind, Options, write_json};

const SESSION: &str = "set client_encoding = 'UTF8'; set datestyle = 'ISO'; set timezone = 'UTC';
    set intervalstyle = 'iso_8601'; set extra_float_digits = 3; set bytea_output = 'hex'";

/// Column type, and texts that are values of it.
type Column = (&'static str, BoxedStrategy<String>);

#[tokio::test]
async fn random_rows_equal_to_jsonb_up_to_the_documented_differences() {
    let database = Pg::shared().database().await;
    let columns = columns();
    create(&database, &columns).await;
    let names = (0..columns.len()).map(|index| format!("c{index}"));
    let places =
        columns.iter().zip(1..).map(|((kind, _), place)| format!("${place}::text::{kind}"));
    let insert = format!("insert into every_type values ({})", join(places));
    let texts = join(names.map(|name| output(&name)));
    let select = format!("select to_jsonb(r)::text, {texts} from every_type r");
    let kinds = kinds(&database).await;
    let mut runner = TestRunner::default();
    for _ in 0..200 {
        let cells: Vec<Option<String>> = columns
            .iter()
            .map(|(_, strategy)| {
                let nullable = prop::option::weighted(0.95, strategy.clone());
                nullable.new_tree(&mut runner).unwrap().current()
            })
            .collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|c| c as _).collect();
        database.execute("truncate every_type").await;
        database.query(&insert, &parameters).await;
        let rows = database.query(&select, &[]).await;
        let row: BTreeMap<String, Box<RawValue>> = serde_json::from_str(rows[0].get(0)).unwrap();
        for (index, kind) in kinds.iter().enumerate() {
            let text: Option<String> = rows[0].get(index + 1);
            let theirs = row[&format!("c{index}")].get();
            check(columns[index].0, kind, text.as_deref(), theirs);
        }
    }
}

#[tokio::test]
async fn awkward_values_equal_to_jsonb_up_to_the_documented_differences() {
    let database = Pg::shared().database().await;
    database.execute(SESSION).await;
    database.execute("create type mood as enum ('sad', 'so \"so\"')").await;
    for value in AWKWARD {
        let select = format!(
            "select {}, coalesce(to_jsonb(v), 'null')::text, pg_typeof(v)::oid, pg_typeof(v)::text from (select {value}) as t(v)",
            output("v")
        );
        let rows = database.query(&select, &[]).await;
        let (text, theirs): (Option<String>, String) = (rows[0].get(0), rows[0].get(1));
        let kind = Kind::of_oid(rows[0].get(2)).unwrap_or(Kind::Text);
        check(value, &kind, text.as_deref(), &theirs);
    }
}

const AWKWARD: [&str; 40] = [
    "9223372036854775807::int8",
    "'-9223372036854775808'::int8",
    "4294967295::oid",
    "repeat('9', 60)::numeric",
    "1.10::numeric",
    "'NaN'::numeric",
    "'-Infinity'::numeric",
    "'NaN'::float8",
    "'Infinity'::float4",
    "'-0'::float8",
    "1e-300::float8",
    "0.1::float4",
    "'infinity'::timestamptz",
    "'0044-03-15 12:00 BC'::timestamptz",
    "'10000-01-01'::timestamp",
    "'9999-12-31 23:59:59.999999'::timestamptz",
    "'-infinity'::date",
    "'0044-03-15 BC'::date",
    "'24:00'::time",
    "'-1 year 2 days -00:00:00.5'::interval",
    "'{\"b\": 1.10, \"a\": [1e400], \"b\": null}'::json",
    "'null'::jsonb",
    "repeat('[', 500)::text || repeat(']', 500)",
    "(repeat('[', 500) || repeat(']', 500))::jsonb",
    "'{}'::int4[]",
    "'{NULL,\"NULL\",\"\"}'::text[]",
    "'[2:3][-1:0]={{1,2},{3,4}}'::int8[]",
    "array['a,b', '{x}', '\"', E'\\\\', ' ', E'\\n']",
    "array['{\"a\": \"\\\"\"}'::jsonb, 'null', null]",
    "array['\\x00ff'::bytea, '']",
    "array[box '((1,2),(0,0))', box '((3,4),(1,1))']",
    "array['2026-01-16 12:30:00.5+00'::timestamptz, 'infinity']",
    "array[array[true, false], array[null, true]]",
    "array['so \"so\"'::mood]::text[]",
    "'so \"so\"'::mood",
    "'[2026-01-01 00:00:00+00,)'::tstzrange",
    "'{[1,3),[5,6)}'::int4multirange",
    "'x'::char(5)",
    "B'10110'",
    "null::int4",
];

#[tokio::test]
async fn both_output_forms_of_bytea_give_the_same_json() {
    let database = Pg::shared().database().await;
    let text = "select (select string_agg(set_byte('\\x00', 0, n), '') from generate_series(0, 255) n)::text";
    let mut seen = Vec::new();
    for form in ["hex", "escape"] {
        database.execute(&format!("set bytea_output = '{form}'")).await;
        let text: String = database.query_one(text, &[]).await;
        let mut out = Vec::new();
        write_json(&Kind::Bytea, Options::default(), text.as_bytes(), &mut out);
        seen.push(String::from_utf8(out).unwrap());
    }
    let all: Vec<u8> = (0..=255).collect();
    let expected = format!("\"{}\"", STANDARD.encode(all));
    assert_eq!(seen, [expected.clone(), expected]);
}

#[tokio::test]
async fn the_list_of_built_in_types_is_that_of_the_catalog() {
    let database = Pg::shared().database().await;
    let arrays = "select a.oid, e.oid, ascii(e.typdelim::text), e.typname::text
        from pg_type e join pg_type a on a.oid = e.typarray
        where a.oid < 10000 and e.typtype in ('b', 'r', 'm') and e.typname <> 'gtsvector'";
    for row in database.query(arrays, &[]).await {
        let (array, element, delimiter): (u32, u32, i32) = (row.get(0), row.get(1), row.get(2));
        let name: String = row.get(3);
        let kind = Kind::of_oid(element).unwrap_or_else(|| panic!("{name} is not in the list"));
        let expected = Kind::Array(Box::new(kind), u8::try_from(delimiter).unwrap());
        assert_eq!(Kind::of_oid(array), Some(expected), "{name}");
    }
}

fn check(what: &str, kind: &Kind, text: Option<&str>, theirs: &str) {
    let Some(text) = text else {
        assert_eq!(theirs, "null");
        return;
    };
    let mut out = Vec::new();
    write_json(kind, Options::default(), text.as_bytes(), &mut out);
    let ours = String::from_utf8(out).unwrap();
    if let Kind::Json = kind {
        assert_eq!(ours, text, "{what}: json is verbatim");
        return;
    }
    let value: Value =
        serde_json::from_str(&ours).unwrap_or_else(|e| panic!("{what}: {ours}: {e}"));
    if holds_floats(kind) {
        assert_eq!(doubles(&ours), doubles(theirs), "{what}: {text}");
        return;
    }
    let theirs: Box<RawValue> = serde_json::from_str(theirs).unwrap();
    assert_eq!(value, expected(kind, text, &theirs), "{what}: {text}");
}

fn holds_floats(kind: &Kind) -> bool {
    matches!(kind, Kind::Float) || matches!(kind, Kind::Array(element, _) if holds_floats(element))
}

/// The brackets and words of the text with its numbers as exact doubles: to_jsonb goes through
/// numeric, which has neither exponents nor a negative zero, and serde_json rounds.
fn doubles(json: &str) -> Vec<(String, Option<f64>)> {
    let spaced = json.replace('[', "[ ").replace(']', " ]").replace(',', " ");
    let token = |token: &str| match token.parse() {
        Ok(number) => (String::new(), Some(number)),
        Err(_) => (token.to_owned(), None),
    };
    spaced.split_whitespace().map(token).collect()
}

/// What the contract makes of a value whose text and `to_jsonb` are given.
fn expected(kind: &Kind, text: &str, theirs: &RawValue) -> Value {
    let string = || serde_json::from_str::<String>(theirs.get()).ok();
    match kind {
        Kind::Array(element, _) => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(theirs.get()).unwrap();
            elements.iter().map(|theirs| expected_element(kind, element, theirs)).collect()
        }
        // Exact, so as strings: to_jsonb has numbers.
        Kind::Int8 | Kind::Numeric => string().unwrap_or_else(|| theirs.get().to_owned()).into(),
        // oid: to_jsonb has a string.
        Kind::Number => {
            string().map_or_else(|| parsed(theirs), |digits| serde_json::from_str(&digits).unwrap())
        }
        // to_jsonb has +00:00, and a T even where RFC 3339 has no such time.
        Kind::TimestampTz | Kind::Timestamp => {
            let theirs = string().unwrap();
            let in_range =
                theirs.len() >= 19 && theirs.find('-') == Some(4) && !theirs.ends_with("BC");
            let plain = theirs.replace("+00:00", if in_range { "Z" } else { "+00" });
            if in_range { plain.into() } else { plain.replace('T', " ").into() }
        }
        Kind::Bytea => base64_of(&string().unwrap()).into(),
        // Composites: to_jsonb has an object.
        Kind::Text if theirs.get().starts_with('{') => text.into(),
        Kind::Text | Kind::Bool => parsed(theirs),
        Kind::Json | Kind::Float => unreachable!("compared as text"),
    }
}

fn expected_element(array: &Kind, element: &Kind, theirs: &RawValue) -> Value {
    match theirs.get() {
        "null" => Value::Null,
        nested if nested.starts_with('[') && *element != Kind::Json => expected(array, "", theirs),
        _ if *element == Kind::Json => parsed(theirs),
        _ => expected(element, "", theirs),
    }
}

fn parsed(theirs: &RawValue) -> Value {
    serde_json::from_str(theirs.get()).unwrap()
}

fn base64_of(hex: &str) -> String {
    let digits = hex.strip_prefix("\\x").unwrap();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    STANDARD.encode((0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>())
}

fn output(column: &str) -> String {
    format!("case when {column} is not null then format('%s', {column}) end")
}

async fn create(database: &Database, columns: &[Column]) {
    database.execute(SESSION).await;
    database
        .execute("create type mood as enum ('sad', 'ok'); create type pair as (a int4, b text)")
        .await;
    let definitions =
        columns.iter().enumerate().map(|(index, (kind, _))| format!("c{index} {kind}"));
    database.execute(&format!("create table every_type ({})", join(definitions))).await;
}

async fn kinds(database: &Database) -> Vec<Kind> {
    let attributes = "select atttypid from pg_attribute
        where attrelid = 'every_type'::regclass and attnum > 0 order by attnum";
    let rows = database.query(attributes, &[]).await;
    rows.iter().map(|row| Kind::of_oid(row.get(0)).unwrap_or(Kind::Text)).collect()
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn columns() -> Vec<Column> {
    let mut columns = scalars();
    let element = |name: &str| columns.iter().find(|(kind, _)| *kind == name).unwrap().1.clone();
    let arrays: Vec<Column> = [
        ("bool[]", element("bool")),
        ("int4[]", element("int4")),
        ("int8[]", element("int8")),
        ("float8[]", element("float8")),
        ("numeric[]", element("numeric")),
        ("text[]", element("text")),
        ("bytea[]", element("bytea")),
        ("timestamptz[]", element("timestamptz")),
        ("jsonb[]", element("jsonb")),
        ("interval[]", element("interval")),
    ]
    .into_iter()
    .map(|(kind, element)| (kind, array_of(element)))
    .collect();
    columns.extend(arrays);
    columns
}

fn scalars() -> Vec<Column> {
    let any_text = || any::<String>().prop_map(|text| text.replace('\0', "")).boxed();
    vec![
        ("bool", any::<bool>().prop_map(|b| b.to_string()).boxed()),
        ("int2", any::<i16>().prop_map(|n| n.to_string()).boxed()),
        ("int4", any::<i32>().prop_map(|n| n.to_string()).boxed()),
        ("int8", any::<i64>().prop_map(|n| n.to_string()).boxed()),
        ("oid", any::<u32>().prop_map(|n| n.to_string()).boxed()),
        ("float4", prop::num::f32::ANY.prop_map(|n| n.to_string()).boxed()),
        ("float8", prop::num::f64::ANY.prop_map(|n| n.to_string()).boxed()),
        ("numeric", "-?[0-9]{1,60}(\\.[0-9]{1,40})?|NaN|-?Infinity".boxed()),
        ("text", any_text()),
        ("varchar", any_text()),
        ("char(9)", "[ -~é]{0,9}".boxed()),
        ("name", "[ -~]{0,60}".boxed()),
        ("bytea", any::<Vec<u8>>().prop_map(hex).boxed()),
        ("timestamp", timestamp()),
        ("timestamptz", timestamp()),
        ("date", timestamp()),
        ("time", "(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?".boxed()),
        ("timetz", "(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][+-](0[0-9]|1[0-4]):30".boxed()),
        ("interval", interval()),
        ("uuid", any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string()).boxed()),
        ("json", document()),
        ("jsonb", document()),
        ("inet", any::<std::net::IpAddr>().prop_map(|address| address.to_string()).boxed()),
        ("varbit", "[01]{0,20}".boxed()),
        ("money", "-?[0-9]{1,12}\\.[0-9]{2}".boxed()),
        (
            "int4range",
            any::<(i16, u16)>()
                .prop_map(|(low, size)| format!("[{low},{})", i32::from(low) + i32::from(size)))
                .boxed(),
        ),
        ("tsvector", "[a-z ]{0,20}".boxed()),
        ("point", any::<(i32, i32)>().prop_map(|(x, y)| format!("({x},{y})")).boxed()),
        ("mood", prop_oneof!["sad", "ok"].boxed()),
        ("pair", any_text().prop_map(|text| format!("(1,{})", quoted(&text))).boxed()),
    ]
}

fn hex(bytes: Vec<u8>) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn timestamp() -> BoxedStrategy<String> {
    let year = prop_oneof![8 => 1..=9999i32, 1 => 10_000..=200_000, 1 => -4000..=-1];
    let text = (year, 1..=12, 1..=28, 0..=23, 0..=59, prop_oneof![Just(0), 0..60_000_000])
        .prop_map(|(year, month, day, hour, minute, microseconds)| {
            let era = if year < 0 { " BC" } else { "" };
            let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
            let date = format!("{:04}-{month:02}-{day:02}", year.abs());
            format!("{date} {hour:02}:{minute:02}:{seconds:02}.{fraction:06}{era}")
        });
    prop_oneof![20 => text, 1 => "infinity", 1 => "-infinity"].boxed()
}

fn interval() -> BoxedStrategy<String> {
    any::<(i16, i16, i32)>()
        .prop_map(|(months, days, ms)| format!("{months} months {days} days {ms} milliseconds"))
        .boxed()
}

fn document() -> BoxedStrategy<String> {
    let text = || any::<String>().prop_map(|text| text.replace('\0', ""));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    value.prop_map(|value| value.to_string()).boxed()
}

fn array_of(element: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let element = prop_oneof![9 => element.prop_map(|e| quoted(&e)), 1 => Just("NULL".to_owned())];
    prop_oneof![
        prop::collection::vec(element.clone(), 0..5)
            .prop_map(|elements| format!("{{{}}}", elements.join(","))),
        [element.clone(), element.clone()].prop_map(|[a, b]| format!("[3:4]={{{a},{b}}}")),
        [element.clone(), element].prop_map(|[a, b]| format!("{{{{{a}}},{{{b}}}}}")),
    ]
    .boxed()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
