//! Include, exclude and redact, on `object` and on both sides of `changes`.

use walhook::change::{Change, Column, OldTuple, ReplicaIdentity, Row};
use walhook::endpoint::Filter;
use walhook::value::{Declared, Kind};

use crate::given::*;

const BEFORE: [Option<&str>; 6] =
    [Some("1"), Some("new"), Some("5"), Some("note"), Some(r#"{"a":1,"b":{"c":2}}"#), Some("7")];

fn updated(changes: &[(usize, Option<&str>)]) -> Change {
    let mut after = BEFORE;
    for (column, value) in changes {
        after[*column] = *value;
    }
    change(&orders(ReplicaIdentity::Full), update(full(&BEFORE), &after))
}

fn sent(filter: Filter, change: &Change) -> Option<String> {
    body(&mut router(vec![filter]), change).map(|body| from_object(&body).to_owned())
}

fn include(names: &[&str]) -> Filter {
    Filter { include_fields: lists(&[("store.Order", names)]), ..everything() }
}

fn exclude(names: &[&str]) -> Filter {
    Filter { exclude_fields: lists(&[("store.Order", names)]), ..everything() }
}

fn redact(names: &[&str]) -> Filter {
    Filter { redact_fields: masks(&[("store.Order", names)]), ..everything() }
}

#[test]
fn an_update_of_hidden_fields_only_is_not_sent() {
    let change = updated(&[(2, Some("6")), (3, NULL)]);
    assert_eq!(sent(exclude(&["total", "note"]), &change), None);
    assert_eq!(sent(include(&["id", "status"]), &change), None);
    assert!(sent(exclude(&["total"]), &change).unwrap().contains(r#"{"note":{"old":"note""#));
}

#[test]
fn where_old_values_are_unknown_an_update_is_sent() {
    let update = update(OldTuple::Unknown, &BEFORE);
    let change = change(&orders(ReplicaIdentity::Default), update);
    let expected = r#""object":{"id":"1"},"changes":{},"user":null,"changes_complete":false"#;
    assert_eq!(sent(include(&["id"]), &change).unwrap(), expected);
}

#[test]
fn a_redacted_change_is_visible_and_masked_on_both_sides() {
    let filter =
        || Filter { include_fields: lists(&[("*", &["id", "note"])]), ..redact(&["note"]) };
    let expected = concat!(
        r#""object":{"id":"1","note":"***"},"#,
        r#""changes":{"note":{"old":"***","new":"***"}},"user":null"#
    );
    assert_eq!(sent(filter(), &updated(&[(3, Some("other"))])).unwrap(), expected);
    assert_eq!(sent(filter(), &updated(&[(3, NULL)])).unwrap(), expected);
    assert_eq!(sent(filter(), &updated(&[(1, Some("paid"))])), None);
}

#[test]
fn hidden_values_are_not_named_in_unavailable() {
    let row = [Some("1"), TOAST, TOAST, TOAST, TOAST, NULL];
    let change = change(&orders(ReplicaIdentity::Default), update(OldTuple::Unknown, &row));
    let filter = Filter {
        exclude_fields: lists(&[("*", &["status"])]),
        redact_fields: masks(&[("*", &["total"])]),
        ..everything()
    };
    let sent = sent(filter, &change).unwrap();
    assert!(sent.starts_with(r#""object":{"id":"1","total":"***","updated_by":null}"#), "{sent}");
    assert!(sent.ends_with(r#""unavailable":["note","meta"]"#), "{sent}");
}

#[test]
fn include_then_exclude_then_redact() {
    let filter = Filter {
        include_fields: lists(&[
            ("*", &["id"]),
            ("store.Order", &["status", "total"]),
            ("x", &["note"]),
        ]),
        exclude_fields: lists(&[("*", &["total"])]),
        redact_fields: vec![
            ("*".to_owned(), vec![("status".to_owned(), "general".to_owned())]),
            (
                "store.Order".to_owned(),
                vec![
                    ("status".to_owned(), "say \"no\"".to_owned()),
                    ("total".to_owned(), "0".to_owned()),
                    ("note".to_owned(), "0".to_owned()),
                ],
            ),
        ],
        ..everything()
    };
    let expected = r#""object":{"id":"1","status":"say \"no\""},"changes":null,"user":null"#;
    let insert = change(&orders(ReplicaIdentity::Full), insert(&BEFORE));
    assert_eq!(sent(filter, &insert).unwrap(), expected);
}

#[test]
fn an_empty_include_list_of_a_label_shows_nothing_and_one_for_all_says_nothing() {
    let insert = change(&orders(ReplicaIdentity::Full), insert(&BEFORE));
    assert!(sent(include(&[]), &insert).unwrap().starts_with(r#""object":{},"#));
    let all = Filter { include_fields: lists(&[("*", &[])]), ..everything() };
    assert!(sent(all, &insert).unwrap().contains("updated_by"));
}

#[test]
fn paths_filter_documents_on_every_side() {
    let filter = || Filter {
        include_fields: lists(&[("*", &["meta"])]),
        exclude_fields: lists(&[("*", &["meta.a"])]),
        redact_fields: masks(&[("*", &["meta.b.c"])]),
        ..everything()
    };
    let change = updated(&[(4, Some(r#"{"b":{"c":3,"d":1.0},"a":9}"#))]);
    let expected = concat!(
        r#""object":{"meta":{"b":{"c":"***","d":1.0}}},"#,
        r#""changes":{"meta":{"old":{"b":{"c":"***"}},"new":{"b":{"c":"***","d":1.0}}}},"user":null"#
    );
    assert_eq!(sent(filter(), &change).unwrap(), expected);
    let secret_only = updated(&[(4, Some(r#"{"a":9,"b":{"c":2}}"#))]);
    assert_eq!(sent(filter(), &secret_only), None, "only an excluded part changed");
    let masked_only = updated(&[(4, Some(r#"{"a":1,"b":{"c":3}}"#))]);
    assert!(sent(filter(), &masked_only).is_some(), "a change behind a mask counts as visible");
    let outside = Filter { include_fields: lists(&[("*", &["meta.x"])]), ..everything() };
    assert_eq!(sent(outside, &masked_only), None, "no included part changed");
}

#[test]
fn a_side_of_which_nothing_may_be_seen_is_null() {
    let include = Filter { include_fields: lists(&[("*", &["meta.a"])]), ..everything() };
    let change = updated(&[(4, Some(r#""secret""#))]);
    let expected = r#""object":{},"changes":{"meta":{"old":{"a":1},"new":null}},"user":null"#;
    assert_eq!(sent(include, &change).unwrap(), expected);
}

#[test]
fn a_column_of_the_very_name_comes_before_a_path() {
    let mut table = orders(ReplicaIdentity::Full);
    table.columns[3].name = "meta.a".to_owned();
    let insert = change(&table, insert(&BEFORE));
    let sent = sent(exclude(&["meta.a", "meta.b"]), &insert).unwrap();
    assert!(sent.contains(r#""meta":{"a":1}"#) && !sent.contains("note"), "{sent}");
}

#[test]
fn a_path_reaches_into_arrays_of_documents() {
    let mut table = orders(ReplicaIdentity::Full);
    table.columns[4].kind = Kind::Array(Box::new(Kind::Json), b',');
    let mut row = BEFORE;
    row[4] = Some(r#"{"{\"a\":1,\"b\":2}",NULL,"[{\"a\":3}]"}"#);
    let sent = sent(exclude(&["meta.a"]), &change(&table, insert(&row))).unwrap();
    assert!(sent.contains(r#""meta":[{"b":2},null,[{}]]"#), "{sent}");
}

#[test]
fn a_column_that_cannot_be_looked_into_is_hidden_whole() {
    let mut table = orders(ReplicaIdentity::Full);
    table.columns[4].kind = Kind::Text;
    let sent = sent(redact(&["meta.a"]), &change(&table, insert(&BEFORE))).unwrap();
    assert!(!sent.contains("meta"), "{sent}");
}

#[test]
fn who_did_it_is_hidden_where_its_column_is() {
    let mut model = order_model();
    model.user =
        vec![("id".to_owned(), "updated_by".to_owned()), ("why".to_owned(), "note".to_owned())];
    let user = |filter: Filter| {
        let mut router = router_with(settings(), model.clone(), vec![filter]);
        let insert = change(&orders(ReplicaIdentity::Full), insert(&BEFORE));
        let body = body(&mut router, &insert).unwrap();
        body[body.find("\"user\":").unwrap()..].to_owned()
    };
    assert_eq!(user(everything()), r#""user":{"id":7,"why":"note"}}"#);
    assert_eq!(user(include(&["id"])), r#""user":{"id":7,"why":"note"}}"#);
    assert_eq!(user(exclude(&["updated_by"])), r#""user":{"why":"note"}}"#);
    assert_eq!(user(exclude(&["updated_by", "note"])), r#""user":null}"#);
    assert_eq!(user(redact(&["updated_by"])), r#""user":{"id":"***","why":"note"}}"#);
}

#[test]
fn a_delete_shows_no_mask_for_what_it_does_not_have() {
    let old = key(&[Some("1"), NULL, NULL, NULL, NULL, NULL]);
    let delete = change(&orders(ReplicaIdentity::Default), Row::Delete { old });
    let expected = r#""object":{"id":"***"},"changes":null,"user":null"#;
    assert_eq!(sent(redact(&["id", "note"]), &delete).unwrap(), expected);
}

#[test]
fn a_generated_or_added_column_appears_with_its_relation() {
    let mut router = router(vec![exclude(&["note"])]);
    let mut table = orders(ReplicaIdentity::Full);
    assert!(body(&mut router, &change(&table, insert(&BEFORE))).is_some());
    table.columns.push(Column {
        name: "added".to_owned(),
        attnum: 7,
        kind: Kind::Bool,
        declared: Declared::default(),
        in_identity: true,
        in_primary_key: false,
    });
    let row = [&BEFORE[..], &[Some("t")]].concat();
    let body = body(&mut router, &change(&table, insert(&row))).unwrap();
    assert!(body.contains(r#""added":true"#));
}
