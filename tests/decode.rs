//! The pgoutput decoder against bytes of a real server, cut bytes, changed bytes and noise.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may")]

use bytes::Bytes;
use proptest::prelude::*;
use walhook::change::{Cell, OldTuple, ReplicaIdentity, Row, Tuple};
use walhook::decode::{DecodeError, Message, Relation, RelationColumn, decode};
use walhook::lsn::Lsn;

/// What PostgreSQL 15 sent for one transaction that does a bit of everything.
const GOLDEN: [&str; 17] = [
    "4200000000015338d80003041f8133fb1a000002db",
    "4f0000000000001234656c7365776865726500",
    "4d01000000000153100877616c686f6f6b2e7573657200000000097b226964223a20377d",
    "59000040017075626c6963006d6f6f6400",
    "52000040057075626c696300637573746f6d6572006400040169640000000017ffffffff006e616d650000000019ffffffff006d6f6f640000004001ffffffff006e6f74650000000019ffffffff",
    "520000400c7075626c6963006175646974006600020169640000000017ffffffff01776861740000000019ffffffff",
    "49000040054e000474000000013174000000045a6fc3ab740000000568617070796e",
    "490000400c4e00027400000001316e",
    "55000040054e000474000000013174000000035a6f657400000005686170707975",
    "55000040054b00047400000001316e6e6e4e000474000000013274000000035a6f657400000005686170707975",
    "550000400c4f00027400000001316e4e0002740000000131740000000162",
    "44000040054b00047400000001326e6e6e",
    "440000400c4f0002740000000131740000000162",
    "540000000203000040050000400c",
    "430000000000015338d80000000001533b780003041f8133fb1a",
    "4d000000000001533bb86f74686572000000000178",
    "5200000d0b00706700690001016f69640000000017ffffffff",
];

const CUSTOMER: u32 = 0x4005;
const AUDIT: u32 = 0x400c;

fn bytes(hex: &str) -> Bytes {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn golden(index: usize) -> Message {
    decode(bytes(GOLDEN[index])).unwrap()
}

/// Cells as text: `-` for null, `?` for unchanged.
fn texts(tuple: &Tuple) -> Vec<&str> {
    (0..tuple.cells.len())
        .map(|index| match tuple.cell(index) {
            Cell::Null => "-",
            Cell::Unchanged => "?",
            Cell::Text(text) => std::str::from_utf8(text).unwrap(),
        })
        .collect()
}

fn old_texts(old: &OldTuple) -> (&str, Vec<&str>) {
    match old {
        OldTuple::Unknown => ("unknown", vec![]),
        OldTuple::Key(tuple) => ("key", texts(tuple)),
        OldTuple::Full(tuple) => ("full", texts(tuple)),
    }
}

#[test]
fn a_transaction_is_framed_by_its_commit_lsn_time_and_id() {
    let commit = Lsn(0x15338d8);
    let commit_time = 848_958_288_296_730 + 946_684_800_000_000;
    assert_eq!(golden(0), Message::Begin { commit, commit_time, xid: 731 });
    let end = Lsn(0x1533b78);
    assert_eq!(golden(14), Message::Commit { commit, end, commit_time });
}

#[test]
fn an_origin_names_where_the_transaction_was_first_committed() {
    assert_eq!(golden(1), Message::Origin { commit: Lsn(0x1234), name: "elsewhere".into() });
}

#[test]
fn a_logical_message_keeps_its_content_verbatim() {
    let Message::Logical { transactional, prefix, content, lsn } = golden(2) else { panic!() };
    assert_eq!((transactional, &*prefix, lsn), (true, "walhook.user", Lsn(0x1531008)));
    assert_eq!(&content[..], br#"{"id": 7}"#);
    assert!(matches!(golden(15), Message::Logical { transactional: false, .. }));
}

#[test]
fn a_type_and_a_relation_are_described() {
    assert_eq!(
        golden(3),
        Message::Type { oid: 0x4001, schema: "public".into(), name: "mood".into() }
    );
    let column = |name: &str, type_oid, in_identity| RelationColumn {
        name: name.into(),
        type_oid,
        in_identity,
    };
    assert_eq!(
        golden(4),
        Message::Relation(Relation {
            oid: CUSTOMER,
            schema: "public".into(),
            name: "customer".into(),
            identity: ReplicaIdentity::Default,
            columns: vec![
                column("id", 23, true),
                column("name", 25, false),
                column("mood", 0x4001, false),
                column("note", 25, false),
            ],
        })
    );
    let Message::Relation(audit) = golden(5) else { panic!() };
    assert_eq!(audit.identity, ReplicaIdentity::Full);
    assert!(audit.columns.iter().all(|column| column.in_identity));
}

#[test]
fn a_relation_without_a_schema_is_of_pg_catalog() {
    let Message::Relation(relation) = golden(16) else { panic!() };
    assert_eq!((&*relation.schema, relation.identity), ("pg_catalog", ReplicaIdentity::Index));
}

#[test]
fn an_inserted_row_has_its_values_and_nulls() {
    let Message::Change { relation, row: Row::Insert { new } } = golden(6) else { panic!() };
    assert_eq!((relation, texts(&new)), (CUSTOMER, vec!["1", "Zoë", "happy", "-"]));
    let Message::Change { relation, row: Row::Insert { new } } = golden(7) else { panic!() };
    assert_eq!((relation, texts(&new)), (AUDIT, vec!["1", "-"]));
}

#[test]
fn an_update_has_no_old_row_a_key_or_the_full_one() {
    let cases = [
        (8, ("unknown", vec![]), vec!["1", "Zoe", "happy", "?"]),
        (9, ("key", vec!["1", "-", "-", "-"]), vec!["2", "Zoe", "happy", "?"]),
        (10, ("full", vec!["1", "-"]), vec!["1", "b"]),
    ];
    for (index, old_expected, new_expected) in cases {
        let Message::Change { row: Row::Update { old, new }, .. } = golden(index) else { panic!() };
        assert_eq!(old_texts(&old), old_expected);
        assert_eq!(texts(&new), new_expected);
    }
}

#[test]
fn a_delete_has_a_key_or_the_full_row() {
    let cases = [(11, ("key", vec!["2", "-", "-", "-"])), (12, ("full", vec!["1", "b"]))];
    for (index, expected) in cases {
        let Message::Change { row: Row::Delete { old }, .. } = golden(index) else { panic!() };
        assert_eq!(old_texts(&old), expected);
    }
}

#[test]
fn a_truncate_names_every_table_and_its_options() {
    let relations = vec![CUSTOMER, AUDIT];
    assert_eq!(golden(13), Message::Truncate { relations, cascade: true, restart_identity: true });
}

#[test]
fn rows_are_slices_of_the_message_and_both_rows_of_an_update_share_it() {
    let payload = bytes(GOLDEN[10]);
    let Message::Change { row: Row::Update { old: OldTuple::Full(old), new }, .. } =
        decode(payload.clone()).unwrap()
    else {
        panic!()
    };
    assert_eq!(old.raw.as_ptr(), payload.as_ptr());
    assert_eq!(new.raw.as_ptr(), payload.as_ptr());
}

#[test]
fn every_prefix_of_every_message_is_an_error() {
    for hex in GOLDEN {
        let whole = bytes(hex);
        for length in 0..whole.len() {
            let error = decode(whole.slice(..length)).unwrap_err();
            let expected = match length {
                0 => matches!(error, DecodeError::Empty),
                _ => matches!(error, DecodeError::CutShort { .. }),
            };
            assert!(expected, "{hex} cut to {length}: {error}");
        }
    }
}

#[test]
fn one_byte_more_than_a_message_is_an_error() {
    for hex in GOLDEN {
        let mut longer = bytes(hex).to_vec();
        longer.push(0);
        let error = decode(longer.into()).unwrap_err();
        assert!(matches!(error, DecodeError::TrailingBytes { count: 1, .. }), "{hex}: {error}");
    }
}

#[test]
fn an_unknown_tag_is_an_error_that_names_it() {
    // Streamed and two-phase transactions belong to later protocol versions.
    for tag in ['S', 'E', 'c', 'A', 'b', 'P', 'K', 'r', 'p', '\0'] {
        let error = decode(Bytes::from(format!("{tag}xxxxxxxxxxxxxxxx"))).unwrap_err();
        assert_eq!(error, DecodeError::UnknownTag { tag: tag as u8 });
        assert!(error.to_string().contains(&format!("'{}'", (tag as u8).escape_ascii())));
    }
}

#[test]
fn a_column_in_binary_format_is_an_error() {
    let error = decode(bytes("490000400c4e000262000000046e")).unwrap_err();
    assert_eq!(error, DecodeError::BinaryColumn { tag: b'I', column: 0 });
}

#[test]
fn an_unknown_mark_is_an_error_that_says_what_was_expected() {
    for (hex, found, expected) in [
        ("490000400c4f0000", b'O', "N"),
        ("550000400c4d0000", b'M', "KON"),
        ("550000400c4b00004b0000", b'K', "N"),
        ("440000400c4e0000", b'N', "KO"),
        ("490000400c4e000178", b'x', "nutb"),
        ("5200000001007400780000", b'x', "dnfi"),
    ] {
        let error = decode(bytes(hex)).unwrap_err();
        assert!(
            matches!(error, DecodeError::UnknownMark { found: f, expected: e, .. }
                if f == found && e == expected),
            "{hex}: {error}"
        );
    }
}

#[test]
fn a_name_that_is_not_utf8_is_an_error_and_a_value_is_kept_as_it_is() {
    let error = decode(bytes("5900004001707562006dff6f6400")).unwrap_err();
    assert!(matches!(error, DecodeError::NotUtf8 { tag: b'Y', at: 9, .. }), "{error}");
    let Message::Change { row: Row::Insert { new }, .. } =
        decode(bytes("490000400c4e00017400000001ff")).unwrap()
    else {
        panic!()
    };
    assert_eq!(new.cell(0), Cell::Text(&[0xff]));
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    for (hex, expected) in
        [("7fffffffffffffff", i64::MAX), ("8000000000000000", { i64::MIN + 946_684_800_000_000 })]
    {
        let begin = bytes(&format!("420000000000000001{hex}00000001"));
        assert_eq!(
            decode(begin).unwrap(),
            Message::Begin { commit: Lsn(1), commit_time: expected, xid: 1 }
        );
    }
}

/// The most that decoding `payload` has on the heap at one time, besides `payload` itself.
fn peak_allocation(payload: Bytes) -> u64 {
    allocation_counter::measure(|| drop(decode(payload))).bytes_max
}

/// Twelve bytes for a column that takes one, and some for a name that turns out not to be one.
fn allowance(length: usize) -> u64 {
    32 * length as u64 + 256
}

#[test]
fn a_claimed_count_alone_allocates_nothing() {
    for hex in [
        "490000400c4effff",
        "550000400c4bffff",
        "490000400c4e000174ffffffff",
        "5200000001007400 64ffff",
        "54ffffffff00",
        "4d0100000000000000007000ffffffff",
    ] {
        let payload = bytes(&hex.replace(' ', ""));
        assert!(decode(payload.clone()).is_err());
        assert!(peak_allocation(payload) < 512, "{hex}");
    }
}

proptest! {
    #[test]
    fn noise_neither_panics_nor_allocates_much(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let length = noise.len();
        prop_assert!(peak_allocation(noise.into()) <= allowance(length));
    }

    #[test]
    fn noise_after_a_known_tag_neither_panics_nor_allocates_much(
        tag in prop::sample::select(&b"BCORYIUDTM"[..]),
        noise in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), prop::sample::select(&b"NKOtun"[..])], 0..400),
    ) {
        let payload: Bytes = [&[tag], &noise[..]].concat().into();
        let length = payload.len();
        prop_assert!(peak_allocation(payload) <= allowance(length));
    }

    #[test]
    fn a_changed_message_neither_panics_nor_allocates_much(
        hex in prop::sample::select(&GOLDEN[..]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut message = bytes(hex).to_vec();
        for (index, byte) in edits {
            let at = index.index(message.len());
            message[at] = byte;
        }
        let length = message.len();
        prop_assert!(peak_allocation(message.into()) <= allowance(length));
    }
}
