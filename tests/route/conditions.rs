//! Conditions in the router: what they let through, fail or hold.

use std::sync::Arc;

use walhook::change::{OldTuple, ReplicaIdentity, Row};
use walhook::condition::Condition;
use walhook::endpoint::{Endpoint, Filter};
use walhook::predicate::EvalError;
use walhook::route::{BoundModel, ConditionFailure, Derived, EventKind, Hold, Router, Whose};

use crate::given::*;

const OLD: [Option<&str>; 6] = [Some("1"), Some("new"), Some("5"), NULL, NULL, NULL];
const NEW: [Option<&str>; 6] = [Some("1"), Some("paid"), Some("0"), NULL, NULL, NULL];

fn condition(text: &str) -> Option<Condition> {
    Some(text.parse().unwrap())
}

/// A router with these conditions of the model, of `order.special` on updates, and of the one
/// endpoint; empty ones are always true.
fn router([model, derived, endpoint]: [&str; 3]) -> Router {
    let of = |text: &str| if text.is_empty() { None } else { condition(text) };
    let special = Derived {
        event_type: "order.special".to_owned(),
        on: vec![EventKind::Updated],
        condition: of(derived),
    };
    let model = BoundModel { condition: of(model), derived: vec![special], ..order_model() };
    let named = crate::given::endpoint("e", everything());
    let one = Endpoint { condition: of(endpoint), ..(*named).clone() };
    Router::new(settings(), vec![model], vec![Arc::new(one)]).unwrap()
}

/// What becomes of the update from `OLD` to `NEW`: types, with `!` if failed and `?` if held.
fn outcome(conditions: [&str; 3], old: OldTuple) -> String {
    let table = orders(match old {
        OldTuple::Full(_) => ReplicaIdentity::Full,
        _ => ReplicaIdentity::Default,
    });
    let mut router = router(conditions);
    let out = routed(&mut router, &change(&table, update(old, &NEW)));
    let words = out.iter().map(|routed| {
        let mark = match (&routed.hold, routed.failure) {
            (Some(_), _) => "?",
            (None, Some(_)) => "!",
            (None, None) => "",
        };
        format!("{}{mark}", routed.event.event_type.trim_start_matches("order."))
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_event_goes_where_no_condition_is_false() {
    for (conditions, expected) in [
        (["", "", ""], "updated special"),
        (["new.status = 'paid'", "old.total > 1", "true"], "updated special"),
        (["new.status = 'new'", "", ""], ""),
        (["null", "", ""], ""),
        (["", "new.total > 1", ""], "updated"),
        (["", "", "new.total > 1"], ""),
        (["", "", "event = 'updated'"], "updated special"),
        (["", "new.status is distinct from old.status", ""], "updated special"),
    ] {
        assert_eq!(outcome(conditions, OldTuple::Full(tuple(&OLD))), expected, "{conditions:?}");
    }
}

#[test]
fn one_that_raises_fails_what_no_other_condition_leaves_out() {
    const RAISES: &str = "old.total / new.total > 1";
    for (conditions, expected) in [
        ([RAISES, "", ""], "updated! special!"),
        (["", RAISES, ""], "updated special!"),
        (["", "", RAISES], "updated! special!"),
        ([RAISES, "false", ""], "updated!"),
        ([RAISES, "", "false"], ""),
        (["false", RAISES, RAISES], ""),
    ] {
        assert_eq!(outcome(conditions, OldTuple::Full(tuple(&OLD))), expected, "{conditions:?}");
    }
    let mut router = router(["", "", RAISES]);
    let table = orders(ReplicaIdentity::Full);
    let row = update(OldTuple::Full(tuple(&OLD)), &NEW);
    let out = routed(&mut router, &change(&table, row));
    let failure = ConditionFailure { whose: Whose::Endpoint, error: EvalError::DivisionByZero };
    assert_eq!(out[0].failure, Some(failure));
}

#[test]
fn where_old_values_are_unknown_it_goes_but_nothing_is_derived_from_it() {
    for (conditions, expected) in [
        (["old.status = 'new'", "", "old.total > 1"], "updated special"),
        (["", "old.total > 1", ""], "updated"),
        (["", "old.total > 1 or new.status = 'paid'", ""], "updated special"),
        (["", "old.total > 1 and new.status = 'x'", ""], "updated"),
        (["", "", "old.status is null and new.status = 'x'"], ""),
        (["", "old.id = 1", ""], "updated special"),
        (["", "old.id <> new.id", ""], "updated"),
    ] {
        assert_eq!(outcome(conditions, OldTuple::Unknown), expected, "{conditions:?}");
    }
}

#[test]
fn one_that_does_not_fit_holds_events_and_makes_no_derived_ones() {
    let full = || OldTuple::Full(tuple(&OLD));
    assert_eq!(outcome(["new.gone = 1", "", ""], full()), "updated? special?");
    assert_eq!(outcome(["", "", "new.status > 'a'"], full()), "updated? special?");
    assert_eq!(outcome(["", "new.gone = 1", ""], full()), "updated");
    assert_eq!(outcome(["false", "", "new.gone = 1"], full()), "");
    let mut router = router(["", "new.gone = 1", "new.gone = 1"]);
    let table = Arc::new(orders(ReplicaIdentity::Full));
    assert_eq!(router.unfit_endpoints(&table).first(), Some(&0));
    let unfit = router.take_unfit();
    let Hold::ConditionUnfit { whose, .. } = &*unfit[0] else { panic!("{unfit:?}") };
    assert_eq!((whose.as_str(), unfit.len()), ("event type order.special", 1));
}

#[test]
fn there_is_no_old_row_of_an_insert_and_no_new_one_of_a_delete() {
    let table = orders(ReplicaIdentity::Full);
    let full = || OldTuple::Full(tuple(&OLD));
    let mut router = router(["", "", "old.id is null or new.id is null"]);
    assert_eq!(routed(&mut router, &change(&table, insert(&NEW))).len(), 1);
    assert_eq!(routed(&mut router, &change(&table, Row::Delete { old: full() })).len(), 1);
    assert_eq!(routed(&mut router, &change(&table, update(full(), &NEW))).len(), 0);
}

#[test]
fn an_update_of_which_nothing_is_visible_is_not_sent_whatever_conditions_say() {
    let filter = Filter { include_fields: lists(&[("store.Order", &["note"])]), ..everything() };
    let named = crate::given::endpoint("e", filter);
    let one = Endpoint { condition: condition("true"), ..(*named).clone() };
    let mut router = Router::new(settings(), vec![order_model()], vec![Arc::new(one)]).unwrap();
    let table = orders(ReplicaIdentity::Full);
    let row = update(OldTuple::Full(tuple(&OLD)), &NEW);
    assert!(routed(&mut router, &change(&table, row)).is_empty());
}
