//! Inbound events without HTTP: an installed database, sources made by hand, and the writer and
//! processor as the daemon runs them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use walhook::admin::init;
use walhook::config::dsn::Dsn;
use walhook::config::inbound::{
    ErrorAlert, Events, Handshake, Mapping, Proof, Reply, Shape, Source,
};
use walhook::endpoint::RetryPolicy;
use walhook::inbound::process::{self, Limits, Processing};
use walhook::metrics::Metrics;
use walhook::shutdown::{self, Trigger};
use walhook::store::Session;
use walhook::store::inbound::{InboundEvent, InboundRequest};
use walhook::store::schema::Installation;

use super::pg::{Database, Pg};

/// A database that `init` has been at.
pub async fn installed(pg: &Pg) -> Database {
    let database = pg.database().await;
    let installation = Installation {
        slot: database.name.clone(),
        publication: "walhook".to_owned(),
        ..Installation::default()
    };
    let applied = init::install(&dsn(&database), &installation, &mut |_| ()).await.unwrap();
    assert_eq!(applied.left, 0);
    database
}

pub fn dsn(database: &Database) -> Dsn {
    Dsn::parse(&database.url).unwrap()
}

/// A session as the writer has it.
pub async fn session(database: &Database) -> Session {
    Session::connect_to_queue(&dsn(database)).await.unwrap()
}

/// A source whose failed events run again after each of `delays` milliseconds.
pub fn source(name: &str, delays: &[u64]) -> Source {
    Source {
        name: name.to_owned(),
        preset: None,
        proof: Proof::Signed(vec![]),
        public_url: None,
        handshake: Handshake::None,
        handshake_pending: false,
        verify_token: None,
        events: Events {
            shape: Shape::Object,
            each: None,
            unwrap: None,
            id: vec![],
            id_template: vec![],
            event_type: vec![],
        },
        reply: Reply {
            bad_signature: None,
            duplicate: StatusCode::OK,
            unavailable: StatusCode::SERVICE_UNAVAILABLE,
            body: None,
        },
        max_body_bytes: 1 << 20,
        retry: RetryPolicy {
            schedule: delays.iter().copied().map(Duration::from_millis).collect(),
            jitter: 0.0,
            retry_on_status: vec![],
        },
        into: None,
    }
}

/// The same with a mapping.
pub fn mapped(source: Source, into: Mapping) -> Source {
    Source { into: Some(into), ..source }
}

/// An event whose bytes are its payload.
pub fn event(id: &str, event_type: &str, payload: &str) -> InboundEvent {
    InboundEvent {
        event_id: id.to_owned(),
        event_type: Some(event_type.to_owned()),
        payload: Some(payload.to_owned()),
        raw: Bytes::copy_from_slice(payload.as_bytes()),
        unusable: None,
        mapped: false,
    }
}

/// A request of these events.
pub fn request(source: &str, events: Vec<InboundEvent>) -> InboundRequest {
    InboundRequest {
        source: source.into(),
        replay: None,
        body_sha256: "00".repeat(32).into(),
        headers: r#"{"content-type":"application/json"}"#.into(),
        events,
    }
}

/// A request of one event with an empty object as payload.
pub fn post(source: &str, id: &str, event_type: &str) -> InboundRequest {
    request(source, vec![event(id, event_type, "{}")])
}

/// A processor at work.
pub struct Processor {
    pub wake: Arc<Notify>,
    pub metrics: Arc<Metrics>,
    pub sources: watch::Sender<Arc<[Arc<Source>]>>,
    stop: Trigger,
    task: JoinHandle<()>,
}

/// Limits for tests that are not about limits. The poll is too slow to help anybody: whatever
/// happens, happens because somebody said so.
pub fn limits() -> Limits {
    Limits { poll: Duration::from_secs(3600), ..Limits::default() }
}

impl Processor {
    pub fn start(database: &Database, sources: Vec<Source>, limits: Limits) -> Self {
        Self::start_with(database, sources, limits, |_| ())
    }

    /// The same with other settings.
    pub fn start_with(
        database: &Database,
        sources: Vec<Source>,
        limits: Limits,
        set: impl FnOnce(&mut Processing),
    ) -> Self {
        let sources: Arc<[Arc<Source>]> = sources.into_iter().map(Arc::new).collect();
        let (sender, receiver) = watch::channel(sources);
        let (stop, until_stopped) = shutdown::channel();
        let mut processing = Processing {
            dsn: dsn(database),
            sources: receiver,
            errors: ErrorAlert::default(),
            retention: Duration::from_secs(365 * 24 * 3600),
            metrics: Arc::default(),
            wake: Arc::default(),
        };
        set(&mut processing);
        let (wake, metrics) = (Arc::clone(&processing.wake), Arc::clone(&processing.metrics));
        let task = tokio::spawn(process::run_within(processing, limits, until_stopped));
        Self { wake, metrics, sources: sender, stop, task }
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(self) {
        self.stop.stop();
        self.task.await.unwrap();
    }

    /// Ends it without a word, as kill -9 does; what its sessions are at goes on in the server.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl Database {
    /// Stores requests as the writer does.
    pub async fn store(&self, requests: &[InboundRequest]) -> walhook::store::inbound::Stored {
        session(self).await.store_inbound(requests).await.unwrap()
    }

    /// `event_id status attempts error_message` of each event, in the order of the first.
    pub async fn inbound(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', event_id, status, attempts, error_message) \
                   from walhook.inbound_event order by event_id";
        self.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
    }
}

/// A table for effects, and a handler of `body` (of a plpgsql block) for every event of `s`.
pub async fn handled_by(pg: &Pg, body: &str) -> Database {
    let database = installed(pg).await;
    // Not unique: what happens twice shows.
    database.execute("create table effect (event_id text, note text)").await;
    handler(&database, "h", "*", body).await;
    database
}

pub async fn handler(database: &Database, name: &str, pattern: &str, body: &str) {
    database
        .execute(&format!(
            "create or replace function {name}(e walhook.inbound_event) returns void
             language plpgsql as $$ begin {body}; end $$;
             select walhook.on_inbound('s', '{pattern}', '{name}(walhook.inbound_event)')"
        ))
        .await;
}

pub const EFFECT: &str = "insert into effect values (e.event_id)";

/// Waits while the test holds the advisory lock 1.
pub const LATCH: &str = "perform pg_advisory_xact_lock_shared(1)";
pub const WAITS: &str = "select exists (select from pg_locks where locktype = 'advisory' and objid = 1
                     and not granted and database = (select oid from pg_database where datname = current_database()))";

pub async fn effects(database: &Database) -> Vec<String> {
    let sql = "select concat_ws(' ', event_id, note) from effect order by 1";
    database.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

/// Waits until no event is to be handled any more.
pub async fn settle(database: &Database) {
    let sql = "select not exists (select from walhook.inbound_event where status = 'received'
               or (status = 'failed' and next_retry_at is not null))";
    database.becomes_true(sql).await;
}
