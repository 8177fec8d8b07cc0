//! What would be sent of a row, for whoever asks with `walhook.preview`: changes that never were,
//! read and routed as those of the WAL are. No lane hears of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::models;
use super::setup::Setup;
use crate::capture::{Capture, CaptureError, Captured};
use crate::change::{Change, OldTuple, ReplicaIdentity, Row, Span, Tuple};
use crate::config::TableName;
use crate::decode::{Message, Relation, RelationColumn};
use crate::endpoint::{Endpoint, EndpointId};
use crate::lsn::Lsn;
use crate::route::{BoundModel, EventKind, Routed, Router, RouterError, RouterSettings};
use crate::store::catalog::{CatalogError, describe};
use crate::store::{Previewed, Session, SharedSession, StoreError, chain};

/// What `walhook.preview` keeps to: beyond what anybody reads in psql, and little in memory. Anybody
/// can write a longer message.
const MOST_BYTES: usize = 4 << 20;

/// Questions that may wait. One that finds no place is not answered, and its asker says so.
const MOST_WAITING: usize = 8;

/// Behind everything: endpoints count from wherever they were made.
const AT: Lsn = Lsn(u64::MAX);

/// Where the reader puts questions.
pub(super) struct Asked(mpsc::Sender<Bytes>);

impl Asked {
    /// Takes a question; never waits.
    pub(super) fn hear(&self, question: Bytes) {
        if question.len() > MOST_BYTES {
            tracing::debug!("a preview is not answered: its row is too large");
            return;
        }
        match self.0.try_send(question) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::debug!("a preview is not answered: too many at once");
            }
            Err(TrySendError::Closed(_)) => tracing::error!("the task that answers previews broke"),
        }
    }
}

/// Answers questions, one at a time.
pub(super) struct Previewer {
    setup: Setup,
    system_identifier: u64,
    store: Arc<SharedSession>,
    questions: mpsc::Receiver<Bytes>,
}

/// Why a question has no answer. Its asker hears nothing: the question may be anybody's.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("it is not a question of walhook.preview")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("its row cannot be one of the WAL")]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Router(#[from] RouterError),
}

/// The question, as `walhook.row_as_captured` and `walhook.ask_preview` write it.
#[derive(Deserialize)]
struct Question {
    asked: Uuid,
    endpoint: Uuid,
    relation: u32,
    schema: String,
    name: String,
    identity: char,
    columns: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    name: String,
    #[serde(rename = "type")]
    type_oid: u32,
    in_identity: bool,
    text: Option<String>,
}

impl Previewer {
    /// Begins to answer, until the task is dropped.
    pub(super) fn start(
        setup: Setup,
        system_identifier: u64,
        store: Arc<SharedSession>,
    ) -> (Asked, JoinSet<()>) {
        let (asked, questions) = mpsc::channel(MOST_WAITING);
        let mut task = JoinSet::new();
        task.spawn(Self { setup, system_identifier, store, questions }.run());
        (Asked(asked), task)
    }

    async fn run(mut self) {
        while let Some(question) = self.questions.recv().await {
            // Anybody can write questions that fail, and must not fill the log with them.
            if let Err(error) = self.answer(&question).await {
                tracing::debug!(error = %chain(&error), "a preview is not answered");
            }
        }
    }

    async fn answer(&self, question: &[u8]) -> Result<(), Unanswered> {
        let question: Question = serde_json::from_slice(question)?;
        let session = self.store.get().await?;
        let mut events = Vec::new();
        if let Some((model, endpoint)) = self.declared(&session, &question).await? {
            let settings = RouterSettings {
                system_identifier: self.system_identifier,
                ..self.setup.routing.clone()
            };
            let mut router = Router::new(settings, vec![model], vec![Arc::new(endpoint)])?;
            let mut routed = Vec::new();
            for (kind, change) in self.changes(&session, &question).await? {
                router.route(&change, &mut routed);
                events.extend(routed.drain(..).map(|routed| previewed(kind, routed)));
            }
        }
        session.answer_preview(question.asked, EndpointId(question.endpoint), &events).await?;
        Ok(())
    }

    /// The table's model and the endpoint, as they are configured now; `None` if the endpoint is
    /// gone or does not know what it would send.
    async fn declared(
        &self,
        session: &Session,
        question: &Question,
    ) -> Result<Option<(BoundModel, Endpoint)>, StoreError> {
        let declared = self.setup.config.declared(&session.configuration().await?);
        let table = TableName { schema: question.schema.clone(), name: question.name.clone() };
        let model = models::bind_one(session, &self.setup, &declared, (question.relation, table));
        let model = model.await?;
        let mut endpoints = declared.endpoints.into_iter();
        let endpoint = endpoints.find(|endpoint| endpoint.id.0 == question.endpoint);
        Ok(endpoint.filter(|endpoint| !endpoint.is_faulty).map(|found| (model, found)))
    }

    /// The row made, changed and deleted in one transaction.
    async fn changes(
        &self,
        session: &Session,
        question: &Question,
    ) -> Result<Vec<(EventKind, Change)>, Unanswered> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let commit_time = since_1970.as_micros() as i64;
        let mut capture = Capture::new(self.setup.routing.max_event_bytes);
        capture.accept(Message::Begin { commit: AT, commit_time, xid: 0 })?;
        capture.accept(Message::Relation(question.relation()))?;
        let mut changes = Vec::new();
        for (kind, row) in question.rows() {
            let message = Message::Change { relation: question.relation, row };
            let mut captured = capture.accept(message)?;
            while let Captured::Unknown(unknown) = &captured {
                captured = capture.learn(&describe(session.client(), unknown).await?)?;
            }
            if let Captured::Change(change) = captured {
                changes.push((kind, change));
            }
        }
        Ok(changes)
    }
}

impl Question {
    fn relation(&self) -> Relation {
        let columns = self.columns.iter().map(|column| RelationColumn {
            name: column.name.clone(),
            type_oid: column.type_oid,
            in_identity: column.in_identity,
        });
        Relation {
            oid: self.relation,
            schema: self.schema.clone(),
            name: self.name.clone(),
            identity: match self.identity {
                'f' => ReplicaIdentity::Full,
                'i' => ReplicaIdentity::Index,
                'n' => ReplicaIdentity::Nothing,
                _ => ReplicaIdentity::Default,
            },
            columns: columns.collect(),
        }
    }

    /// What pgoutput would say of the row. Without an identity PostgreSQL refuses to change it.
    fn rows(&self) -> Vec<(EventKind, Row)> {
        let new = self.tuple();
        let mut rows = vec![(EventKind::Created, Row::Insert { new: new.clone() })];
        let old = match self.identity {
            'f' => OldTuple::Full(new.clone()),
            _ => OldTuple::Key(self.key(&new)),
        };
        if self.columns.iter().any(|column| column.in_identity) {
            // Were the old row the same, nothing would have changed, and nothing be sent.
            rows.push((EventKind::Updated, Row::Update { old: OldTuple::Unknown, new }));
            rows.push((EventKind::Deleted, Row::Delete { old }));
        }
        rows
    }

    fn tuple(&self) -> Tuple {
        let mut raw = BytesMut::new();
        let cells = self.columns.iter().map(|column| match &column.text {
            None => Span::Null,
            Some(text) => {
                let start = raw.len() as u32;
                raw.extend_from_slice(text.as_bytes());
                Span::Text { start, end: raw.len() as u32 }
            }
        });
        let cells = cells.collect();
        Tuple { raw: raw.freeze(), cells }
    }

    fn key(&self, whole: &Tuple) -> Tuple {
        let cells = self.columns.iter().zip(&whole.cells);
        let cells = cells.map(|(column, cell)| if column.in_identity { *cell } else { Span::Null });
        Tuple { raw: whole.raw.clone(), cells: cells.collect() }
    }
}

fn previewed(kind: EventKind, routed: Routed) -> Previewed {
    let Routed { event, body, rendering, trimmed, hold, failure, .. } = routed;
    let sent = rendering.map_or(Ok(body.clone()), |rendering| rendering.of(&body));
    let too_large = "larger than [delivery] max_event_bytes: the object has its key columns only";
    let (verdict, payload, reason) = match (hold, failure, sent) {
        (Some(hold), ..) => ("held", None, Some(hold.to_string())),
        (None, Some(failure), _) => ("fails", None, Some(failure.to_string())),
        (None, None, Err(error)) => ("fails", None, Some(error.to_string())),
        (None, None, Ok(sent)) => {
            ("sent", Some(sent.to_vec()), trimmed.then(|| too_large.to_owned()))
        }
    };
    let event_type = event.event_type.to_string();
    Previewed { event: kind.as_str(), event_type, verdict, payload, reason }
}
