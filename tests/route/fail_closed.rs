//! Names of exclude and redact that have lost their column.

use walhook::change::{Column, ReplicaIdentity, Table};
use walhook::endpoint::Filter;
use walhook::route::{BoundModel, Hold, KnownColumn, Routed, Router};
use walhook::value::{Declared, Kind};

use crate::given::*;

const ROW: [Option<&str>; 6] =
    [Some("1"), Some("new"), Some("5"), Some("canary"), Some(r#"{"a":1}"#), NULL];

fn before() -> Table {
    orders(ReplicaIdentity::Full)
}

/// `alter table orders rename note to remark`.
fn renamed() -> Table {
    let mut table = before();
    "remark".clone_into(&mut table.columns[3].name);
    table
}

/// `alter table orders drop note`, with a new column in its place.
fn replaced(name: &str) -> Table {
    let mut table = before();
    table.columns[3] = Column {
        name: name.to_owned(),
        attnum: 7,
        kind: Kind::Text,
        declared: Declared::default(),
        in_identity: true,
        in_primary_key: false,
    };
    table
}

fn exclude(label: &str, name: &str) -> Filter {
    Filter { exclude_fields: lists(&[(label, &[name])]), ..everything() }
}

fn redact(label: &str, name: &str) -> Filter {
    Filter { redact_fields: masks(&[(label, &[name])]), ..everything() }
}

fn knowing(known_columns: Vec<KnownColumn>) -> BoundModel {
    BoundModel { known_columns, ..order_model() }
}

fn one(router: &mut Router, table: &Table) -> (Option<Hold>, String) {
    let out: Vec<Routed> = routed(router, &change(table, insert(&ROW)));
    assert_eq!(out.len(), 1);
    let object = from_object(&text(&out[0].body)).to_owned();
    (out[0].hold.as_deref().cloned(), object.split(",\"changes\"").next().unwrap().to_owned())
}

fn renamed_hold() -> Option<Hold> {
    Some(Hold::ColumnRenamed {
        table: "public.orders".to_owned(),
        column: "note".to_owned(),
        to: "remark".to_owned(),
    })
}

fn missing_hold(column: &str) -> Option<Hold> {
    let (table, column) = ("public.orders".to_owned(), column.to_owned());
    Some(Hold::ColumnMissing { table, column })
}

#[test]
fn a_renamed_column_holds_and_keeps_its_old_names_treatment() {
    for label in ["store.Order", "*"] {
        let mut router = router(vec![redact(label, "note")]);
        assert_eq!(one(&mut router, &before()).0, None);
        let (hold, object) = one(&mut router, &renamed());
        assert_eq!(hold, renamed_hold());
        assert!(object.contains(r#""remark":"***""#), "{object}");

        let mut router =
            router_with(settings(), knowing(known(&before())), vec![exclude(label, "note")]);
        let (hold, object) = one(&mut router, &renamed());
        assert_eq!(hold, renamed_hold(), "known from before the start");
        assert!(!object.contains("canary") && object.contains(r#""total":"5""#), "{object}");
    }
}

#[test]
fn a_dropped_column_holds_and_newer_columns_stay_out() {
    for label in ["store.Order", "*"] {
        let mut router = router(vec![exclude(label, "note")]);
        one(&mut router, &before());
        let (hold, object) = one(&mut router, &replaced("memo"));
        assert_eq!(hold, missing_hold("note"));
        let expected =
            r#""object":{"id":"1","status":"new","total":"5","meta":{"a":1},"updated_by":null}"#;
        assert_eq!(object, expected);
    }
}

#[test]
fn a_column_made_anew_under_the_name_is_the_one_that_is_meant() {
    let mut router = router(vec![exclude("store.Order", "note")]);
    one(&mut router, &before());
    let (hold, object) = one(&mut router, &replaced("note"));
    assert_eq!(hold, None);
    assert!(!object.contains("canary"));
}

#[test]
fn a_name_taken_over_by_another_column_still_covers_the_first() {
    let mut router = router(vec![exclude("store.Order", "note")]);
    one(&mut router, &before());
    let mut swapped = renamed();
    "note".clone_into(&mut swapped.columns[1].name);
    let (hold, object) = one(&mut router, &swapped);
    assert_eq!(hold, renamed_hold());
    assert!(!object.contains("canary") && !object.contains("new"), "{object}");
}

#[test]
fn without_a_good_relation_only_the_primary_key_is_shown() {
    let mut fresh = router(vec![exclude("store.Order", "nte")]);
    assert_eq!(
        one(&mut fresh, &before()),
        (missing_hold("nte"), r#""object":{"id":"1"}"#.to_owned())
    );
    let known = knowing(known(&before()));
    let mut mistyped = router_with(settings(), known, vec![redact("store.Order", "nte.a")]);
    assert_eq!(
        one(&mut mistyped, &before()),
        (missing_hold("nte"), r#""object":{"id":"1"}"#.to_owned()),
        "a relation that never had the name was never good"
    );
}

#[test]
fn a_name_for_every_model_may_be_missing_from_one() {
    let mut router = router(vec![exclude("*", "password")]);
    let (hold, object) = one(&mut router, &before());
    assert_eq!(hold, None);
    assert!(object.contains("canary"));
}

#[test]
fn only_the_endpoint_whose_filter_is_broken_is_held() {
    let filters = vec![everything(), exclude("store.Order", "note")];
    let mut router = router(filters);
    routed(&mut router, &change(&before(), insert(&ROW)));
    let out = routed(&mut router, &change(&renamed(), insert(&ROW)));
    let held: Vec<bool> = out.iter().map(|routed| routed.hold.is_some()).collect();
    assert_eq!(held, [false, true]);
    assert_ne!(out[0].shape, out[1].shape);
}

#[test]
fn a_path_is_missing_when_its_column_is() {
    let mut table = before();
    let mut router = router(vec![redact("store.Order", "meta.a")]);
    assert!(one(&mut router, &table).1.contains(r#""meta":{"a":"***"}"#));
    "data".clone_into(&mut table.columns[4].name);
    let (hold, object) = one(&mut router, &table);
    assert!(matches!(hold, Some(Hold::ColumnRenamed { column, .. }) if column == "meta"));
    assert!(object.contains(r#""data":{"a":"***"}"#), "{object}");
}

#[test]
fn a_column_the_catalog_has_forgotten_is_not_trusted_in_a_held_body() {
    let mut old = before();
    old.columns[3].attnum = 0;
    let mut router = router(vec![exclude("store.Order", "note")]);
    assert_eq!(one(&mut router, &old).0, None, "the name is there");
    let (hold, object) = one(&mut router, &renamed());
    assert_eq!(hold, missing_hold("note"));
    assert!(!object.contains("canary") && object.contains("status"), "{object}");

    let mut both_forgotten = renamed();
    both_forgotten.columns[3].attnum = 0;
    let (hold, object) = one(&mut router, &both_forgotten);
    assert_eq!(hold, missing_hold("note"));
    assert!(!object.contains("canary"), "two unknown numbers are not the same: {object}");
}

#[test]
fn an_update_that_only_the_hold_makes_invisible_is_held_too() {
    let mut router = router(vec![exclude("store.Order", "note")]);
    one(&mut router, &before());
    let mut table = replaced("memo");
    table.columns[3].in_identity = true;
    let mut new = ROW;
    new[3] = Some("changed");
    let out = routed(&mut router, &change(&table, update(full(&ROW), &new)));
    assert!(text(&out[0].body).ends_with(r#""changes":{},"user":null,"changes_complete":false}"#));
}

#[test]
fn a_renamed_table_keeps_its_label_and_filters() {
    let mut router = router(vec![exclude("store.Order", "note"), exclude("public.other", "a")]);
    let mut table = before();
    "orders_2024".clone_into(&mut table.name);
    let out = routed(&mut router, &change(&table, insert(&ROW)));
    assert!(text(&out[0].body).contains(r#""label":"store.Order""#));
    assert!(!text(&out[0].body).contains("canary"));

    let mut undeclared = before();
    (undeclared.oid, undeclared.name) = (1, "other".to_owned());
    let mut keeps = router_with_label(&undeclared);
    "another".clone_into(&mut undeclared.name);
    let out = routed(&mut keeps, &change(&undeclared, insert(&ROW)));
    assert!(!text(&out[0].body).contains("canary"), "also one that no model declares");
}

fn router_with_label(table: &Table) -> Router {
    let mut router = router(vec![exclude("public.other", "note")]);
    routed(&mut router, &change(table, insert(&ROW)));
    router
}

#[test]
fn the_last_good_relation_is_told_once_it_changes() {
    let mut router = router(vec![exclude("store.Order", "note")]);
    one(&mut router, &before());
    assert_eq!(router.take_learned(), [ORDERS]);
    assert_eq!(router.known_columns(ORDERS), known(&before()));
    one(&mut router, &renamed());
    assert!(router.take_learned().is_empty(), "a relation without the name is not good");
    assert_eq!(router.known_columns(ORDERS), known(&before()));
}
