//! Bodies, byte by byte.

use std::sync::Arc;

use bytes::Bytes;
use walhook::change::{Emitted, ReplicaIdentity, Row};
use walhook::endpoint::Filter;
use walhook::route::{EmitRefused, EventKind, Routed, Router, RouterError, RouterSettings};

use crate::given::*;

const ROW: [Option<&str>; 6] = [
    Some("42"),
    Some("shipped"),
    Some("299.99"),
    Some("say \"hi\""),
    Some("{\"a\": 1.10}"),
    Some("7"),
];

fn emitted(event_type: &str, object: &str) -> Emitted {
    let change = change(&orders(ReplicaIdentity::Full), Row::Truncate);
    Emitted {
        position: change.position,
        transaction: change.transaction,
        actor: None,
        event_type: event_type.to_owned(),
        object: Bytes::copy_from_slice(object.as_bytes()),
    }
}

#[test]
fn a_created_body_has_the_members_of_the_contract_in_order() {
    let change = change(&orders(ReplicaIdentity::Full), insert(&ROW));
    let out = routed(&mut router(vec![everything()]), &change);
    let expected = format!(
        concat!(
            r#"{{"id":"{}","type":"order.created","event":"created","schema_version":1,"#,
            r#""timestamp":"2026-01-16T12:30:00Z","#,
            r#""model":{{"app":"store","name":"Order","label":"store.Order"}},"#,
            r#""object":{{"id":"42","status":"shipped","total":"299.99","note":"say \"hi\"","#,
            r#""meta":{{"a": 1.10}},"updated_by":7}},"#,
            r#""changes":null,"user":null}}"#
        ),
        out[0].event.id
    );
    assert_eq!(text(&out[0].body), expected);
    assert_eq!(&*out[0].event.event_type, "order.created");
}

#[test]
fn optional_members_come_last() {
    let settings = RouterSettings { include_source: true, int8_as_number: true, ..settings() };
    let mut router = router_with(settings, order_model(), vec![everything()]);
    let row = [Some("42"), Some("new"), NULL, TOAST, NULL, NULL];
    let update = update(walhook::change::OldTuple::Unknown, &row);
    let body = body(&mut router, &change(&orders(ReplicaIdentity::Default), update)).unwrap();
    assert_eq!(
        from_object(&body),
        concat!(
            r#""object":{"id":42,"status":"new","total":null,"meta":null,"updated_by":null},"#,
            r#""changes":{},"user":null,"changes_complete":false,"unavailable":["note"],"#,
            r#""source":{"schema":"public","table":"orders","lsn":"16/B374D848","xid":777}"#
        )
    );
}

#[test]
fn source_names_the_inbound_event_behind_a_change_or_an_emitted_event() {
    let settings = RouterSettings { include_source: true, ..settings() };
    let mut router = router_with(settings, order_model(), vec![everything()]);
    let mut change = change(&orders(ReplicaIdentity::Full), insert(&ROW));
    change.transaction = from("stripe", "evt_\"1\"");
    let origin = r#","xid":777,"origin":{"source":"stripe","event_id":"evt_\"1\""}}}"#;
    assert!(body(&mut router, &change).unwrap().ends_with(origin));
    let mut emitted = emitted("mfa.failed", "{}");
    emitted.transaction = change.transaction;
    let mut out = Vec::new();
    router.route_emitted(&emitted, &mut out).unwrap();
    let source = r#","source":{"schema":null,"table":null,"lsn":"16/B374D848""#.to_owned();
    assert!(text(&out[0].body).ends_with(&(source + origin)));
}

#[test]
fn without_source_a_body_does_not_tell_its_origin() {
    let mut change = change(&orders(ReplicaIdentity::Full), insert(&ROW));
    let plain = body(&mut router(vec![everything()]), &change);
    change.transaction = from("stripe", "evt_1");
    assert_eq!(body(&mut router(vec![everything()]), &change), plain);
}

#[test]
fn a_truncate_has_no_object_and_reaches_only_models_that_list_it() {
    let truncate = change(&orders(ReplicaIdentity::Full), Row::Truncate);
    let all = body(&mut router(vec![everything()]), &truncate).unwrap();
    assert!(all.contains(r#""type":"order.truncated","event":"truncated""#));
    assert_eq!(from_object(&all), r#""object":null,"changes":null,"user":null"#);
    let mut model = order_model();
    model.events = vec![EventKind::Created];
    assert_eq!(body(&mut router_with(settings(), model, vec![everything()]), &truncate), None);
}

#[test]
fn a_table_without_a_model_is_called_by_its_own_name() {
    let mut table = orders(ReplicaIdentity::Full);
    (table.oid, table.schema, table.name) = (1, "bill ing".to_owned(), "Invoice\"s".to_owned());
    let mut router = router(vec![everything()]);
    let body = body(&mut router, &change(&table, insert(&ROW))).unwrap();
    assert!(body.contains(concat!(
        r#""type":"Invoice\"s.created","event":"created","schema_version":1,"#,
        r#""timestamp":"2026-01-16T12:30:00Z","#,
        r#""model":{"app":"bill ing","name":"Invoice\"s","label":"bill ing.Invoice\"s"},"#
    )));
    assert!(routed(&mut router, &change(&table, Row::Truncate)).is_empty());
}

#[test]
fn a_published_table_that_the_configuration_does_not_name_makes_no_events() {
    let mut table = orders(ReplicaIdentity::Full);
    (table.oid, table.schema) = (1, "private".to_owned());
    let mut router = router(vec![everything()]);
    assert!(routed(&mut router, &change(&table, insert(&ROW))).is_empty());
}

#[test]
fn the_transactions_actor_is_verbatim_and_wins_over_the_columns() {
    let mut model = order_model();
    model.user = vec![("id".to_owned(), "updated_by".to_owned())];
    let mut router = router_with(settings(), model, vec![everything()]);
    let table = orders(ReplicaIdentity::Full);
    let user = |router: &mut Router, actor: Option<&str>, row| {
        let mut change = change(&table, row);
        change.actor = actor.map(|actor| Bytes::copy_from_slice(actor.as_bytes()));
        let body = body(router, &change).unwrap();
        body[body.find("\"user\":").unwrap()..].to_owned()
    };
    let actor = Some(r#"{"id": "1",  "username":"admin"}"#);
    assert_eq!(
        user(&mut router, actor, insert(&ROW)),
        r#""user":{"id": "1",  "username":"admin"}}"#
    );
    assert_eq!(user(&mut router, None, insert(&ROW)), r#""user":{"id":7}}"#);
    assert_eq!(user(&mut router, Some("}, {"), insert(&ROW)), r#""user":{"id":7}}"#);
    let delete = Row::Delete { old: full(&ROW) };
    assert_eq!(user(&mut router, None, delete), r#""user":{"id":7}}"#);
    let nobody = insert(&[Some("1"), NULL, NULL, NULL, NULL, NULL]);
    assert_eq!(user(&mut router, None, nobody), r#""user":null}"#);
}

#[test]
fn endpoints_that_see_the_same_share_event_and_bytes() {
    let narrow = Filter { include_fields: lists(&[("store.Order", &["id"])]), ..everything() };
    let mut disabled = (*endpoint("off", everything())).clone();
    disabled.enabled = false;
    let endpoints = vec![
        endpoint("a", everything()),
        endpoint("b", narrow.clone()),
        Arc::new(disabled),
        endpoint("c", everything()),
        endpoint("d", Filter { events: vec!["order.*".to_owned()], ..narrow }),
        endpoint("e", Filter { events: vec!["deleted".to_owned()], ..everything() }),
    ];
    let mut router = Router::new(settings(), vec![order_model()], endpoints).unwrap();
    let out = routed(&mut router, &change(&orders(ReplicaIdentity::Full), insert(&ROW)));
    let to: Vec<usize> = out.iter().map(|routed| routed.endpoint).collect();
    assert_eq!(to, [0, 3, 1, 4]);
    assert!(out.iter().all(|routed| Arc::ptr_eq(&routed.event, &out[0].event)));
    assert_eq!(out[0].body.as_ptr(), out[1].body.as_ptr());
    assert_eq!(out[2].body.as_ptr(), out[3].body.as_ptr());
    assert_eq!((out[0].shape, out[2].shape), (out[1].shape, out[3].shape));
    assert_ne!(out[0].shape, out[2].shape);
}

#[test]
fn an_excluded_origin_is_kept_from_its_endpoint_and_changes_nothing_for_others() {
    let without = |sources: &[&str]| Filter {
        exclude_origins: sources.iter().map(|source| (*source).to_owned()).collect(),
        ..everything()
    };
    let filters = vec![everything(), without(&["stripe"]), without(&["github"]), without(&["*"])];
    let mut router = router(filters);
    let mut change = change(&orders(ReplicaIdentity::Full), insert(&ROW));
    let to = |out: &[Routed]| out.iter().map(|routed| routed.endpoint).collect::<Vec<_>>();
    let plain = routed(&mut router, &change);
    assert_eq!(to(&plain), [0, 1, 2, 3]);
    change.transaction = from("stripe", "evt_1");
    let handled = routed(&mut router, &change);
    assert_eq!(to(&handled), [0, 2]);
    assert_eq!(handled[0].body.as_ptr(), handled[1].body.as_ptr());
    assert_eq!((handled[0].shape, handled[0].event.id), (plain[0].shape, plain[0].event.id));

    let mut emitted = emitted("mfa.failed", "{}");
    let mut custom = |router: &mut Router, transaction| {
        let mut out = Vec::new();
        emitted.transaction = transaction;
        router.route_emitted(&emitted, &mut out).unwrap();
        to(&out)
    };
    assert_eq!(custom(&mut router, from("github", "1")), [0, 1]);
    assert_eq!(custom(&mut router, from("gitlab", "1")), [0, 1, 2]);
}

#[test]
fn a_change_that_nobody_may_hear_of_makes_no_event() {
    let filter = Filter { exclude_origins: vec!["*".to_owned()], ..everything() };
    let mut change = change(&orders(ReplicaIdentity::Full), insert(&ROW));
    change.transaction = from("stripe", "evt_1");
    assert!(routed(&mut router(vec![filter]), &change).is_empty());
}

#[test]
fn shapes_and_keys_are_the_same_in_every_version() {
    let change = change(&orders(ReplicaIdentity::Full), insert(&ROW));
    let out = routed(&mut router(vec![everything()]), &change);
    // Both are stored with parked events; if this fails, parked events lose their place.
    assert_eq!(out[0].event.keys, [4_314_902_248_474_305_932; 2]);
    assert_eq!(out[0].shape, -264_252_230_190_522_345);
}

#[test]
fn a_key_that_changed_is_ordered_under_both() {
    let table = orders(ReplicaIdentity::Default);
    let mut router = router(vec![everything()]);
    let mut keys = |row| routed(&mut router, &change(&table, row))[0].event.keys;
    let cells = |id| [Some(id), NULL, NULL, NULL, NULL, NULL];
    let first = keys(insert(&cells("1")));
    let second = keys(insert(&cells("2")));
    assert_eq!(first[0], first[1]);
    assert_ne!(first, second);
    assert_eq!(keys(update(key(&cells("1")), &cells("2"))), [second[0], first[0]]);
    assert_eq!(keys(update(walhook::change::OldTuple::Unknown, &cells("2"))), second);
    assert_eq!(keys(Row::Delete { old: key(&cells("2")) }), second);
}

#[test]
fn under_an_identity_index_a_rows_events_are_ordered_by_its_columns() {
    let table = orders(ReplicaIdentity::Index);
    let mut router = router(vec![everything()]);
    let mut keys = |row| routed(&mut router, &change(&table, row))[0].event.keys;
    let created = keys(insert(&[Some("1"), Some("a"), NULL, NULL, NULL, NULL]));
    let old = key(&[NULL, Some("a"), NULL, NULL, NULL, NULL]);
    assert_eq!(keys(Row::Delete { old }), created);
}

#[test]
fn rows_without_any_key_are_ordered_by_all_they_hold() {
    let mut table = orders(ReplicaIdentity::Full);
    table.columns[0].in_primary_key = false;
    let mut router = router(vec![everything()]);
    let mut keys = |row| routed(&mut router, &change(&table, row))[0].event.keys;
    let mut other = ROW;
    other[1] = Some("lost");
    let created = keys(insert(&ROW));
    let updated = keys(update(full(&ROW), &other));
    assert_eq!(updated[1], created[0]);
    assert_eq!(keys(Row::Delete { old: full(&other) }), [updated[0]; 2]);
}

#[test]
fn an_oversized_body_keeps_its_key_and_names_the_rest() {
    let settings = RouterSettings { max_event_bytes: 600, ..settings() };
    let filter = Filter {
        exclude_fields: lists(&[("*", &["total"])]),
        redact_fields: masks(&[("store.Order", &["status"])]),
        ..everything()
    };
    let mut router = router_with(settings, order_model(), vec![filter]);
    let note = "x".repeat(1000);
    let mut new = ROW;
    new[3] = Some(&note);
    let table = orders(ReplicaIdentity::Full);
    let mut change = change(&table, update(full(&ROW), &new));
    change.actor = Some(Bytes::from(format!("\"{note}\"")));
    let out = routed(&mut router, &change);
    assert!(out[0].trimmed);
    assert_eq!(
        from_object(&text(&out[0].body)),
        concat!(
            r#""object":{"id":"42","status":"***"},"changes":{},"user":null,"#,
            r#""changes_complete":false,"unavailable":["note","meta","updated_by"]"#
        )
    );
    change.actor = None;
    change.row = insert(&ROW);
    assert!(!routed(&mut router, &change)[0].trimmed);
}

#[test]
fn an_emitted_event_has_no_model_and_only_patterns_select_it() {
    let elsewhere = Filter { include_models: vec!["x".to_owned()], ..everything() };
    let tables_only = Filter { events: vec!["order.*".to_owned()], ..everything() };
    let mut router = router(vec![elsewhere, tables_only]);
    let mut out = Vec::new();
    router.route_emitted(&emitted("mfa.failed", r#"{"user": 1}"#), &mut out).unwrap();
    assert_eq!(out.len(), 1);
    let body = text(&out[0].body);
    assert!(body.contains(
        r#""type":"mfa.failed","event":"custom","schema_version":1,"timestamp":"2026-01-16T12:30:00Z","model":null,"#
    ));
    assert_eq!(from_object(&body), r#""object":{"user": 1},"changes":null,"user":null"#);
}

#[test]
fn an_emitted_event_cannot_pass_for_a_models_or_break_the_body() {
    let mut router = router(vec![everything()]);
    let mut out = Vec::new();
    let refused = router.route_emitted(&emitted("order.created", "{}"), &mut out).unwrap_err();
    assert!(matches!(refused, EmitRefused::TypeOfModel { label, .. } if label == "store.Order"));
    let refused = router.route_emitted(&emitted("a.b", "{}}"), &mut out).unwrap_err();
    assert!(matches!(refused, EmitRefused::ObjectNotJson { .. }));
    router.route_emitted(&emitted("order.exported", "{}"), &mut out).unwrap();
    assert_eq!(out.len(), 1);
}

#[test]
fn two_models_of_one_table_are_refused() {
    let mut other = order_model();
    other.label = "store.Purchase".to_owned();
    let refused = Router::new(settings(), vec![order_model(), other], Vec::new()).err().unwrap();
    let RouterError::SharedTable { first, second } = refused;
    assert_eq!((first.as_str(), second.as_str()), ("store.Order", "store.Purchase"));
}
