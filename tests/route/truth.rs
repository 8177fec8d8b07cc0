//! Replica identity x operation x TOAST.

use walhook::change::{OldTuple, ReplicaIdentity, Row};

use crate::given::*;

type Cells = [Option<&'static str>; 6];

/// A row of `orders` with the given status, note and id; the rest is null.
fn row(id: &'static str, status: &'static str, note: Option<&'static str>) -> Cells {
    [Some(id), Some(status), NULL, note, NULL, NULL]
}

/// What an old key tuple holds under DEFAULT: nulls beside the key.
fn only_id(id: &'static str) -> Cells {
    [Some(id), NULL, NULL, NULL, NULL, NULL]
}

fn only_status(status: &'static str) -> Cells {
    [NULL, Some(status), NULL, NULL, NULL, NULL]
}

/// The rest of the body from `object` on, with the columns that are always null taken out.
fn outcome(identity: ReplicaIdentity, row: Row) -> Option<String> {
    let filter = walhook::endpoint::Filter {
        exclude_fields: lists(&[("*", &["total", "meta", "updated_by"])]),
        ..everything()
    };
    let body = body(&mut router(vec![filter]), &change(&orders(identity), row))?;
    Some(from_object(&body).replace(r#","user":null"#, ""))
}

const LONG: Option<&str> = Some("long");

#[test]
fn inserts_are_whole_under_every_identity() {
    use ReplicaIdentity::{Default, Full, Index, Nothing};
    for identity in [Default, Nothing, Full, Index] {
        assert_eq!(
            outcome(identity, insert(&row("1", "new", LONG))).unwrap(),
            r#""object":{"id":"1","status":"new","note":"long"},"changes":null"#
        );
    }
}

#[test]
fn under_full_changes_are_complete_toast_is_filled_and_nothing_new_is_not_sent() {
    let old = row("1", "new", LONG);
    let null = row("1", "new", NULL);
    for (old, new, object, changes) in [
        (
            old,
            row("1", "paid", LONG),
            ["1", "paid", "long"],
            r#""status":{"old":"new","new":"paid"}"#,
        ),
        (
            old,
            row("1", "paid", TOAST),
            ["1", "paid", "long"],
            r#""status":{"old":"new","new":"paid"}"#,
        ),
        (old, row("2", "new", TOAST), ["2", "new", "long"], r#""id":{"old":"1","new":"2"}"#),
        (null, row("1", "new", LONG), ["1", "new", "long"], r#""note":{"old":null,"new":"long"}"#),
    ] {
        let [id, status, note] = object;
        let expected = format!(
            r#""object":{{"id":"{id}","status":"{status}","note":"{note}"}},"changes":{{{changes}}}"#
        );
        assert_eq!(outcome(ReplicaIdentity::Full, update(full(&old), &new)), Some(expected));
    }
    for new in [old, row("1", "new", TOAST)] {
        assert_eq!(outcome(ReplicaIdentity::Full, update(full(&old), &new)), None);
    }
}

#[test]
fn under_other_identities_changes_are_what_is_known_and_said_to_be_incomplete() {
    use ReplicaIdentity::{Default, Index, Nothing};
    let id = || key(&only_id("1"));
    let status = || key(&only_status("new"));
    let long = r#""note":"long""#;
    for (identity, old, new, changes) in [
        (Default, OldTuple::Unknown, row("1", "new", LONG), ""),
        (Default, OldTuple::Unknown, row("1", "new", TOAST), ""),
        (Default, id(), row("2", "new", LONG), r#""id":{"old":"1","new":"2"}"#),
        (Default, id(), row("2", "new", TOAST), r#""id":{"old":"1","new":"2"}"#),
        (Index, status(), row("1", "paid", LONG), r#""status":{"old":"new","new":"paid"}"#),
        (Index, status(), row("2", "paid", TOAST), r#""status":{"old":"new","new":"paid"}"#),
        (Index, OldTuple::Unknown, row("2", "new", LONG), ""),
        (Nothing, OldTuple::Unknown, row("1", "new", TOAST), ""),
    ] {
        let [Some(id), Some(status), ..] = new else { panic!("both are given above") };
        let (shown, unavailable) = match new[3] {
            TOAST => (String::new(), r#","unavailable":["note"]"#),
            _ => (format!(",{long}"), ""),
        };
        let expected = format!(
            r#""object":{{"id":"{id}","status":"{status}"{shown}}},"changes":{{{changes}}},"changes_complete":false{unavailable}"#
        );
        assert_eq!(outcome(identity, update(old, &new)).unwrap(), expected, "{identity:?}");
    }
}

#[test]
fn deletes_have_what_the_identity_kept_and_never_nulls_for_the_rest() {
    for (identity, old, expected) in [
        (
            ReplicaIdentity::Full,
            full(&row("1", "new", LONG)),
            r#""object":{"id":"1","status":"new","note":"long"},"changes":null"#,
        ),
        (ReplicaIdentity::Default, key(&only_id("1")), r#""object":{"id":"1"},"changes":null"#),
        (
            ReplicaIdentity::Index,
            key(&only_status("new")),
            r#""object":{"status":"new"},"changes":null"#,
        ),
    ] {
        assert_eq!(outcome(identity, Row::Delete { old }).unwrap(), expected, "{identity:?}");
    }
}

#[test]
fn a_toasted_value_that_really_changed_is_in_changes() {
    let new = row("1", "new", Some("longer"));
    let update = update(full(&row("1", "new", LONG)), &new);
    let out = outcome(ReplicaIdentity::Full, update).unwrap();
    assert!(out.ends_with(r#""changes":{"note":{"old":"long","new":"longer"}}"#));
}
