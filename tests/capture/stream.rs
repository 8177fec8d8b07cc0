//! A database with a publication and a slot, and what capture makes of its changes.

use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Client;
use walhook::capture::{Capture, Captured};
use walhook::change::{Cell, Change, OldTuple, Row, Table, Transaction, Tuple};
use walhook::decode::decode;
use walhook::lsn::Position;
use walhook::store::catalog::{self, Question};

use crate::support::pg::{Connected, Pg};

/// What a replication session sets, so that text forms do not depend on the server.
const SESSION: &str = "set datestyle = iso; set intervalstyle = iso_8601; set timezone = utc; \
                       set extra_float_digits = 3; set client_encoding = utf8";

pub struct Stream {
    pub session: Connected,
    pub url: String,
    /// What the catalog was asked so far.
    pub questions: Vec<Question>,
    slot: String,
    capture: Capture,
}

impl Stream {
    /// Runs `setup`, publishes all tables, and starts to listen.
    pub async fn of(setup: &str) -> Self {
        Self::published(setup, "for all tables").await
    }

    /// The same with another publication: `what` follows `create publication p`.
    pub async fn published(setup: &str, what: &str) -> Self {
        let database = Pg::shared().database().await;
        let setup = format!("{setup}; create publication p {what}");
        Self::listening(&database.url, &database.name, &setup).await
    }

    /// Runs `setup`, which makes the publication `p`, and makes the slot.
    pub async fn listening(url: &str, slot: &str, setup: &str) -> Self {
        let session = Connected::open(url).await;
        let create = format!("select pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        let (slot, capture) = (slot.to_owned(), Capture::new(1 << 20));
        let url = url.to_owned();
        let stream = Self { session, url, questions: vec![], slot, capture };
        for sql in [SESSION, setup, &create] {
            stream.execute(sql).await;
        }
        stream
    }

    pub async fn execute(&self, sql: &str) {
        self.session.client.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// Everything since the last time, through a capture that knows what came before.
    pub async fn read(&mut self) -> Vec<Captured> {
        let messages = self.messages("get").await;
        let client = &self.session.client;
        feed(&mut self.capture, messages, client, &mut self.questions).await
    }

    /// The same, and it comes again: as after a crash of a daemon that knows nothing any more.
    pub async fn peek(&self) -> Vec<Captured> {
        let (mut capture, messages) = (Capture::new(1 << 20), self.messages("peek").await);
        feed(&mut capture, messages, &self.session.client, &mut vec![]).await
    }

    /// What happens by `sql`, a line for each event.
    pub async fn lines(&mut self, sql: &str) -> Vec<String> {
        self.execute(sql).await;
        lines(&self.read().await)
    }

    /// The changes of rows that happen by `sql`.
    pub async fn changes(&mut self, sql: &str) -> Vec<Change> {
        self.execute(sql).await;
        changes(self.read().await)
    }

    /// The table of the one change that happens by `sql`.
    pub async fn table(&mut self, sql: &str) -> Arc<Table> {
        let changes = self.changes(sql).await;
        assert_eq!(changes.len(), 1, "{changes:?}");
        Arc::clone(&changes[0].table)
    }

    async fn messages(&self, verb: &str) -> Vec<Bytes> {
        let sql = format!(
            "select data from pg_logical_slot_{verb}_binary_changes('{}', null, null, \
             'proto_version', '1', 'publication_names', 'p', 'messages', 'true')",
            self.slot
        );
        let rows = self.session.client.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))).collect()
    }
}

async fn feed(
    capture: &mut Capture,
    messages: Vec<Bytes>,
    client: &Client,
    questions: &mut Vec<Question>,
) -> Vec<Captured> {
    // Each call of the SQL function is a session of its own.
    capture.restart();
    let mut all = Vec::new();
    for message in messages {
        let mut captured = capture.accept(decode(message).unwrap()).unwrap();
        if let Captured::Unknown(question) = &captured {
            let answer = catalog::describe(client, question).await.unwrap();
            questions.push(question.clone());
            captured = capture.learn(&answer).unwrap();
        }
        all.push(captured);
    }
    all
}

pub fn changes(captured: Vec<Captured>) -> Vec<Change> {
    let changes = captured.into_iter().flat_map(|captured| match captured {
        Captured::Change(change) => vec![change],
        Captured::Truncated(changes) => changes,
        _ => vec![],
    });
    changes.collect()
}

pub fn positions(captured: &[Captured]) -> Vec<Position> {
    let positions = captured.iter().flat_map(|captured| match captured {
        Captured::Change(change) => vec![change.position],
        Captured::Truncated(changes) => changes.iter().map(|change| change.position).collect(),
        Captured::Emitted(emitted) => vec![emitted.position],
        _ => vec![],
    });
    positions.collect()
}

/// A line for each event: `update customer key(id=1) -> id=2 name=Zoe note=?`, where `-` is null
/// and `?` unknown; ` by {…}` follows if there is an actor, and ` for stripe/evt_1` if there is
/// an origin.
pub fn lines(captured: &[Captured]) -> Vec<String> {
    let mut lines = Vec::new();
    for captured in captured {
        match captured {
            Captured::Change(change) => lines.push(line(change)),
            Captured::Truncated(changes) => lines.extend(changes.iter().map(line)),
            Captured::Emitted(emitted) => {
                let object = std::str::from_utf8(&emitted.object).unwrap();
                let by = by(emitted.actor.as_ref(), &emitted.transaction);
                lines.push(format!("emit {} {object}{by}", emitted.event_type));
            }
            Captured::Configured { content, .. } => {
                lines.push(format!("configured {}", std::str::from_utf8(content).unwrap()));
            }
            _ => {}
        }
    }
    lines
}

fn line(change: &Change) -> String {
    let table = &change.table;
    let what = match &change.row {
        Row::Insert { new } => format!("insert {} {}", table.name, row(table, new)),
        Row::Update { old, new } => {
            format!("update {}{} -> {}", table.name, old_row(table, old), row(table, new))
        }
        Row::Delete { old } => format!("delete {}{}", table.name, old_row(table, old)),
        Row::Truncate => format!("truncate {}", table.name),
    };
    what + &by(change.actor.as_ref(), &change.transaction)
}

fn by(actor: Option<&Bytes>, transaction: &Transaction) -> String {
    let actor = actor.map(|json| format!(" by {}", std::str::from_utf8(json).unwrap()));
    let origin = transaction.origin.as_ref();
    let origin = origin.map(|origin| format!(" for {}/{}", origin.source, origin.event_id));
    actor.unwrap_or_default() + &origin.unwrap_or_default()
}

fn old_row(table: &Table, old: &OldTuple) -> String {
    match old {
        OldTuple::Unknown => String::new(),
        OldTuple::Key(tuple) => format!(" key({})", row(table, tuple)),
        OldTuple::Full(tuple) => format!(" full({})", row(table, tuple)),
    }
}

/// Long values are cut after three characters.
fn row(table: &Table, tuple: &Tuple) -> String {
    assert_eq!(table.columns.len(), tuple.cells.len());
    let cells = table.columns.iter().enumerate().map(|(index, column)| {
        let value = match tuple.cell(index) {
            Cell::Null => "-".to_owned(),
            Cell::Unchanged => "?".to_owned(),
            Cell::Text(text) => match std::str::from_utf8(text).unwrap() {
                long if long.len() > 100 => format!("{}…{}", &long[..3], long.len()),
                short => short.to_owned(),
            },
        };
        format!("{}={value}", column.name)
    });
    cells.collect::<Vec<_>>().join(" ")
}
