//! The state machine without a server: what the protocol forbids, positions, what is remembered.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::change::{OldTuple, ReplicaIdentity, Span, Tuple};
use crate::decode::{Relation, RelationColumn};
use crate::lsn::{Lsn, Position};
use crate::store::catalog::{ColumnFacts, RelationFacts};

const TABLE: u32 = 16_400;
const OTHER: u32 = 16_500;

fn begin(commit: u64) -> Message {
    Message::Begin { commit: Lsn(commit), commit_time: 0, xid: 7 }
}

fn commit(commit: u64) -> Message {
    Message::Commit { commit: Lsn(commit), end: Lsn(commit + 8), commit_time: 0 }
}

fn described(oid: u32, schema: &str) -> Message {
    let column = |name: &str, in_identity| RelationColumn {
        name: name.to_owned(),
        type_oid: 23,
        in_identity,
    };
    Message::Relation(Relation {
        oid,
        schema: schema.to_owned(),
        name: format!("t{oid}"),
        identity: ReplicaIdentity::Default,
        columns: vec![column("id", true), column("n", false)],
    })
}

fn tuple(cells: usize) -> Tuple {
    Tuple { raw: Bytes::new(), cells: vec![Span::Null; cells] }
}

fn insert(relation: u32) -> Message {
    Message::Change { relation, row: Row::Insert { new: tuple(2) } }
}

fn truncate(relations: &[u32]) -> Message {
    let relations = relations.to_vec();
    Message::Truncate { relations, cascade: false, restart_identity: false }
}

fn said(prefix: &str, content: &str) -> Message {
    Message::Logical {
        transactional: true,
        lsn: Lsn(1),
        prefix: prefix.to_owned(),
        content: Bytes::from(content.to_owned()),
    }
}

/// Feeds messages; the catalog knows nothing.
fn feed(capture: &mut Capture, messages: Vec<Message>) -> Result<Vec<Captured>, CaptureError> {
    let mut all = Vec::new();
    for message in messages {
        let mut captured = capture.accept(message)?;
        if matches!(captured, Captured::Unknown(_)) {
            captured = capture.learn(&Answer::default())?;
        }
        all.push(captured);
    }
    Ok(all)
}

fn error(messages: Vec<Message>) -> CaptureError {
    feed(&mut Capture::new(1000), messages).unwrap_err()
}

#[test]
fn nothing_happens_outside_a_transaction() {
    for (message, expected) in [
        (insert(TABLE), "a change"),
        (truncate(&[TABLE]), "a truncate"),
        (said("walhook.user", "1"), "a logical message"),
        (said("other", ""), "a logical message"),
        (commit(1), "a commit"),
    ] {
        let error = error(vec![described(TABLE, "public"), begin(1), commit(1), message]);
        assert_eq!(error, CaptureError::OutsideTransaction { what: expected });
    }
}

#[test]
fn a_transaction_neither_begins_inside_another_nor_ends_as_another() {
    let nested = CaptureError::NestedTransaction { open: Lsn(1), begun: Lsn(2) };
    assert_eq!(error(vec![begin(1), begin(2)]), nested);
    let other = CaptureError::OtherCommit { begun: Lsn(1), committed: Lsn(2) };
    assert_eq!(error(vec![begin(1), commit(2)]), other);
}

#[test]
fn a_change_of_a_table_that_was_not_described_is_an_error() {
    let unknown = CaptureError::UnknownRelation { oid: OTHER };
    for message in [insert(OTHER), truncate(&[TABLE, OTHER])] {
        assert_eq!(error(vec![begin(1), described(TABLE, "public"), message]), unknown);
    }
}

#[test]
fn a_row_that_does_not_fit_its_table_is_an_error() {
    let rows = [
        Row::Insert { new: tuple(1) },
        Row::Update { old: OldTuple::Unknown, new: tuple(3) },
        Row::Update { old: OldTuple::Full(tuple(1)), new: tuple(2) },
        Row::Update { old: OldTuple::Key(tuple(0)), new: tuple(2) },
        Row::Delete { old: OldTuple::Key(tuple(3)) },
    ];
    for row in rows {
        let change = Message::Change { relation: TABLE, row };
        let error = error(vec![begin(1), described(TABLE, "public"), change]);
        assert!(matches!(error, CaptureError::ColumnCount { expected: 2, .. }), "{error}");
    }
}

#[test]
fn a_question_must_be_answered_before_anything_else() {
    let mut capture = Capture::new(1000);
    feed(&mut capture, vec![begin(1), described(TABLE, "public"), described(OTHER, "public")])
        .unwrap();
    let question = capture.accept(truncate(&[TABLE, OTHER])).unwrap();
    let asked = Question { relations: vec![TABLE, OTHER], types: vec![] };
    assert_eq!(question, Captured::Unknown(asked), "one question for all tables");
    assert_eq!(capture.accept(commit(1)), Err(CaptureError::Unanswered));
    let column =
        |name: &str, attnum| ColumnFacts { name: name.to_owned(), attnum, ..Default::default() };
    let facts = RelationFacts {
        oid: TABLE,
        columns: vec![column("n", 5), column("id", 1)],
        primary_key: vec![1],
        ..RelationFacts::default()
    };
    let answer = Answer { relations: vec![facts], types: vec![] };
    let Captured::Truncated(changes) = capture.learn(&answer).unwrap() else { panic!() };
    let attnums = |index: usize| changes[index].table.columns.iter().map(|c| c.attnum);
    assert_eq!(attnums(0).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(attnums(1).collect::<Vec<_>>(), [0, 0], "a table that is gone has no numbers");
    assert_eq!(capture.learn(&answer), Ok(Captured::Nothing));
}

#[test]
fn a_stream_that_broke_off_begins_anew_with_the_tables_it_knew() {
    let mut capture = Capture::new(1000);
    let table = |captured: &[Captured]| match captured.last() {
        Some(Captured::Change(change)) => Arc::clone(&change.table),
        other => panic!("{other:?}"),
    };
    let messages =
        || vec![begin(1), said("walhook.user", "1"), described(TABLE, "a"), insert(TABLE)];
    let first = table(&feed(&mut capture, messages()).unwrap());
    capture.restart();
    let undescribed = feed(&mut capture, vec![begin(1), insert(TABLE)]);
    assert_eq!(undescribed, Err(CaptureError::UnknownRelation { oid: TABLE }));
    capture.restart();
    let captured = feed(&mut capture, messages()).unwrap();
    assert!(Arc::ptr_eq(&table(&captured), &first));
    let Some(Captured::Change(change)) = captured.last() else { panic!() };
    assert_eq!(change.position, Position { commit: Lsn(1), ordinal: 0 });
}

#[test]
fn everything_that_can_be_an_event_takes_a_position_whether_it_is_one_or_not() {
    let captured = feed(
        &mut Capture::new(40),
        vec![
            begin(1),
            described(TABLE, "public"),
            described(OTHER, "walhook"),
            insert(OTHER),
            said("walhook.user", "1"),
            said("walhook.config", ""),
            said("other", ""),
            said("walhook.event", "not JSON"),
            said("walhook.event", &format!(r#"{{"type":"a","object":"{}"}}"#, "x".repeat(40))),
            truncate(&[OTHER, TABLE]),
            said("walhook.event", r#"{"type":"a","object":1}"#),
        ],
    )
    .unwrap();
    let [.., Captured::Truncated(changes), Captured::Emitted(emitted)] = &captured[..] else {
        panic!("{captured:?}")
    };
    let ordinals = changes.iter().map(|change| change.position.ordinal);
    assert_eq!(ordinals.collect::<Vec<_>>(), [4]);
    assert_eq!(emitted.position.ordinal, 5);
}

#[test]
fn a_warning_shows_nothing_of_the_message_and_does_not_come_for_every_one() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let mut capture = Capture::new(100);
    tracing::subscriber::with_default(subscriber, || {
        feed(&mut capture, vec![begin(0xab)]).unwrap();
        for content in [r#"{"hunter2""#, r#""hunter2" x"#, r#"{"type":["hunter2"],"object":1}"#] {
            for _ in 0..32 {
                let messages = vec![said("walhook.user", content), said("walhook.event", content)];
                feed(&mut capture, messages).unwrap();
            }
        }
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
    assert!(log.contains("walhook.user") && log.contains("0/AB"), "{log}");
    // 1, 2, 4, … of the 160 that were no use: the third content is a fine actor.
    assert_eq!(log.lines().count(), 8, "{log}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn any_message() -> impl Strategy<Value = Message> {
    let oid = prop_oneof![Just(TABLE), Just(OTHER)];
    let cells = prop_oneof![9 => Just(2usize), 1 => Just(1usize)];
    let old = (0..3u8, cells.clone()).prop_map(|(form, cells)| match form {
        0 => OldTuple::Unknown,
        1 => OldTuple::Key(tuple(cells)),
        _ => OldTuple::Full(tuple(cells)),
    });
    let row = (0..3u8, old, cells).prop_map(|(form, old, cells)| match form {
        0 => Row::Insert { new: tuple(cells) },
        1 => Row::Update { old, new: tuple(cells) },
        _ => Row::Delete { old },
    });
    let prefix = prop_oneof![Just("walhook.user"), Just("walhook.event"), Just("walhook.config")];
    let content = prop_oneof![Just("1"), Just(r#"{"type":"a","object":1}"#), Just("{")];
    prop_oneof![
        (1..3u64).prop_map(begin),
        (1..3u64).prop_map(commit),
        (oid.clone(), prop_oneof![Just("public"), Just("walhook")])
            .prop_map(|(oid, schema)| described(oid, schema)),
        (oid.clone(), row).prop_map(|(relation, row)| Message::Change { relation, row }),
        prop::collection::vec(oid, 0..3).prop_map(|oids| truncate(&oids)),
        (prefix, content).prop_map(|(prefix, content)| said(prefix, content)),
    ]
}

proptest! {
    #[test]
    fn messages_in_any_order_neither_panic_nor_repeat_a_position(
        messages in prop::collection::vec(any_message(), 0..60),
    ) {
        let mut capture = Capture::new(1000);
        let mut last = None;
        for message in messages {
            let Ok(mut captured) = capture.accept(message) else {
                capture.restart();
                continue;
            };
            if matches!(captured, Captured::Unknown(_)) {
                captured = capture.learn(&Answer::default()).unwrap_or(Captured::Nothing);
            }
            let positions = match captured {
                Captured::Begin { .. } => {
                    last = None;
                    vec![]
                }
                Captured::Change(change) => vec![change.position],
                Captured::Truncated(changes) => changes.iter().map(|c| c.position).collect(),
                Captured::Emitted(emitted) => vec![emitted.position],
                _ => vec![],
            };
            for position in positions {
                prop_assert!(Some(position) > last);
                last = Some(position);
            }
        }
    }
}
