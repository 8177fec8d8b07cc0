//! Types: which kind each is taken for, and the text that comes.

use walhook::change::{Cell, Change, Row};
use walhook::value::Kind;

use crate::stream::Stream;
use crate::support::pg::Pg;

fn array(kind: Kind) -> Kind {
    Kind::Array(Box::new(kind), b',')
}

/// Kind and text of each column of the one row.
fn cells(changes: &[Change]) -> Vec<(String, Kind, String)> {
    let [Change { table, row: Row::Insert { new }, .. }] = changes else { panic!("{changes:?}") };
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let Cell::Text(text) = new.cell(index) else { panic!("{column:?} has no text") };
            let text = std::str::from_utf8(text).unwrap().to_owned();
            (column.name.clone(), column.kind.clone(), text)
        })
        .collect()
}

/// One column for each row of the table: type, SQL value, kind, text.
async fn check(setup: &str, expected: &[(&str, &str, Kind, &str)]) {
    let columns = expected.iter().enumerate().map(|(i, (of_type, ..))| format!("c{i} {of_type}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let values = expected.iter().map(|(_, value, ..)| *value).collect::<Vec<_>>().join(", ");
    let mut stream = Stream::of(&format!("{setup} create table t ({columns})")).await;
    let changes = stream.changes(&format!("insert into t values ({values})")).await;
    for (got, (of_type, _, kind, text)) in cells(&changes).iter().zip(expected) {
        assert_eq!((&got.1, &*got.2), (kind, *text), "{of_type}");
    }
    assert_eq!(changes[0].table.columns.len(), expected.len());
}

#[tokio::test]
async fn built_in_types_arrive_as_text_with_their_kind() {
    use Kind::{Bool, Bytea, Float, Int8, Json, Number, Numeric, Text, Timestamp, TimestampTz};
    check(
        "",
        &[
            ("bool", "true", Bool, "t"),
            ("int2", "-32768", Number, "-32768"),
            ("int4", "2147483647", Number, "2147483647"),
            ("int8", "9223372036854775807", Int8, "9223372036854775807"),
            ("oid", "4294967295", Number, "4294967295"),
            (
                "numeric",
                "1234567890123456789012345678901234567890.10",
                Numeric,
                "1234567890123456789012345678901234567890.10",
            ),
            ("numeric", "'NaN'", Numeric, "NaN"),
            ("numeric", "'-Infinity'", Numeric, "-Infinity"),
            ("float4", "0.1", Float, "0.1"),
            ("float8", "'-0'", Float, "-0"),
            ("float8", "'Infinity'", Float, "Infinity"),
            (
                "json",
                r#"'{"b": 1, "a": 1e400, "b": null}'"#,
                Json,
                r#"{"b": 1, "a": 1e400, "b": null}"#,
            ),
            ("jsonb", "'null'", Json, "null"),
            ("timestamptz", "'2026-01-16 13:30:00.5+01'", TimestampTz, "2026-01-16 12:30:00.5+00"),
            ("timestamptz", "'-infinity'", TimestampTz, "-infinity"),
            ("timestamp", "'0044-03-15 12:00:00 BC'", Timestamp, "0044-03-15 12:00:00 BC"),
            ("timestamp", "'12026-01-16'", Timestamp, "12026-01-16 00:00:00"),
            ("date", "'2026-01-16'", Text, "2026-01-16"),
            ("interval", "'1 year 2 days 3.5 seconds'", Text, "P1Y2DT3.5S"),
            ("bytea", r"'\x00ff'", Bytea, r"\x00ff"),
            (
                "uuid",
                "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
                Text,
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
            ("inet", "'10.0.0.1/8'", Text, "10.0.0.1/8"),
            ("cidr", "'10.0.0.0/8'", Text, "10.0.0.0/8"),
            ("macaddr", "'08:00:2b:01:02:03'", Text, "08:00:2b:01:02:03"),
            ("money", "'12.34'", Text, "$12.34"),
            ("xml", "'<a/>'", Text, "<a/>"),
            ("varbit", "b'101'", Text, "101"),
            ("char(3)", "'a'", Text, "a  "),
            ("\"char\"", "'x'", Text, "x"),
            ("name", "'x'", Text, "x"),
            ("point", "'(1,2)'", Text, "(1,2)"),
            ("int2vector", "'1 2'", Text, "1 2"),
            ("tsvector", "'b a'", Text, "'a' 'b'"),
            ("int4range", "'[1,5)'", Text, "[1,5)"),
            ("nummultirange", "'{[1,2),[3,4)}'", Text, "{[1,2),[3,4)}"),
        ],
    )
    .await;
}

#[tokio::test]
async fn arrays_arrive_with_the_kind_of_their_elements() {
    check(
        "",
        &[
            ("int4[]", "'{}'", array(Kind::Number), "{}"),
            (
                "text[]",
                r#"array[null, 'NULL', '', 'a,b', '{', '"', '\']"#,
                array(Kind::Text),
                r#"{NULL,"NULL","","a,b","{","\"","\\"}"#,
            ),
            ("int8[]", "'[2:3][0:1]={{1,2},{3,4}}'", array(Kind::Int8), "[2:3][0:1]={{1,2},{3,4}}"),
            ("jsonb[]", r#"array['{"a": 1}'::jsonb]"#, array(Kind::Json), r#"{"{\"a\": 1}"}"#),
            (
                "box[]",
                "'{(1,1),(0,0);(2,2),(1,1)}'",
                Kind::Array(Box::new(Kind::Text), b';'),
                "{(1,1),(0,0);(2,2),(1,1)}",
            ),
            ("int4range[]", "array['[1,5)'::int4range]", array(Kind::Text), r#"{"[1,5)"}"#),
            (
                "timestamptz[]",
                "array['2026-01-16Z'::timestamptz]",
                array(Kind::TimestampTz),
                r#"{"2026-01-16 00:00:00+00"}"#,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn domains_enums_composites_and_extension_types_are_found_in_the_catalog() {
    let setup = "create schema other; create type other.mood as enum ('sad', 'so, so');
        create domain amount as numeric(10, 2); create domain price as amount check (value > 0);
        create domain scores as int4[]; create domain prices as price[];
        create type pair as (a int, b text); create type spread as range (subtype = float8);
        create extension hstore; create extension citext; create extension ltree;
        create domain mail as citext;";
    check(
        setup,
        &[
            ("price", "1.50", Kind::Numeric, "1.50"),
            ("price[]", "array[1.5, 2]::price[]", array(Kind::Numeric), "{1.50,2.00}"),
            ("scores", "'{1,2}'", array(Kind::Number), "{1,2}"),
            ("scores[]", "array['{1,2}'::scores]", array(array(Kind::Number)), r#"{"{1,2}"}"#),
            ("prices", "'{1,2}'", array(Kind::Numeric), "{1.00,2.00}"),
            ("other.mood", "'so, so'", Kind::Text, "so, so"),
            (
                "other.mood[]",
                "array['sad', 'so, so']::other.mood[]",
                array(Kind::Text),
                r#"{sad,"so, so"}"#,
            ),
            ("pair", r#"row(1, 'a "b", c')"#, Kind::Text, r#"(1,"a ""b"", c")"#),
            ("pair[]", "array[row(null, '')::pair]", array(Kind::Text), r#"{"(,\"\")"}"#),
            ("spread", "'[1,2]'", Kind::Text, "[1,2]"),
            ("hstore", "'a=>1'", Kind::Text, r#""a"=>"1""#),
            ("citext", "'Ab'", Kind::Text, "Ab"),
            ("mail[]", "array['Ab'::mail]", array(Kind::Text), "{Ab}"),
            ("ltree", "'a.b'", Kind::Text, "a.b"),
            ("information_schema.cardinal_number", "7", Kind::Number, "7"),
        ],
    )
    .await;
}

#[tokio::test]
async fn types_are_asked_for_once() {
    let setup = "create domain price as numeric; create table a (p price);
                 create table b (p price, q int)";
    let mut stream = Stream::of(setup).await;
    stream.lines("insert into a values (1)").await;
    let table = stream.table("insert into b values (2, 3)").await;
    assert_eq!(table.columns[0].kind, Kind::Numeric);
    let asked = stream.questions.iter().map(|question| question.types.len());
    assert_eq!(asked.collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn an_enum_value_added_mid_stream_arrives() {
    let setup = "create type mood as enum ('sad'); create table t (m mood)";
    let mut stream = Stream::of(setup).await;
    stream.execute("insert into t values ('sad')").await;
    stream.execute("alter type mood add value 'happy'").await;
    assert_eq!(
        stream.lines("insert into t values ('happy')").await,
        ["insert t m=sad", "insert t m=happy"]
    );
}

#[tokio::test]
async fn a_type_that_is_gone_meanwhile_is_text() {
    let setup = "create domain price as numeric; create type mood as enum ('sad');
                 create table t (id int primary key, p price, m mood[])";
    let mut stream = Stream::of(setup).await;
    stream.execute("insert into t values (1, 2.5, '{sad}')").await;
    stream.execute("alter table t drop p, drop m; drop domain price; drop type mood").await;
    let cells = cells(&stream.changes("").await);
    let of = |index: usize| (&cells[index].1, &*cells[index].2);
    assert_eq!(of(1), (&Kind::Text, "2.5"));
    assert_eq!(of(2), (&Kind::Text, "{sad}"));
}

#[tokio::test]
async fn text_is_utf8_whatever_the_encoding_of_the_database() {
    let admin = Pg::shared().database().await;
    let create = "create database latin encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' \
                  template template0";
    admin.execute(create).await;
    let setup = "create table straße (größe text); create publication p for all tables";
    let mut stream = Stream::listening(&Pg::shared().url("latin"), "latin", setup).await;
    stream
        .execute(
            "begin;
             select pg_logical_emit_message(true, 'walhook.user', '\"Zoë\"');
             insert into straße values ('groß');
             select pg_logical_emit_message(true, 'walhook.user', convert_to('\"Zoë\"', 'UTF8'));
             insert into straße values ('klein');
             commit",
        )
        .await;
    // A text message stays in the database's encoding; what is converted by hand arrives.
    assert_eq!(
        stream.lines("").await,
        ["insert straße größe=groß", "insert straße größe=klein by \"Zoë\""]
    );
}
