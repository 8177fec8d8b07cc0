//! `/webhooks/{source}`: from a request to an answer. What it answers 200 has been committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use http::{Method, Request as HttpRequest};
use tokio::sync::watch;

use super::answer;
use super::bodies::{Bodies, Unread};
use super::certificates::Certificates;
use super::rejections::Rejections;
use super::verdict::{Handshaken, Post, Reason, Rejection, Request, Verdict};
use super::verify::Verifier;
use super::writer::Writer;
use crate::config::inbound::{Handshake, Inbound, LogRejections, Mapping, Source};
use crate::endpoint::glob_matches;
use crate::metrics::Metrics;
use crate::store::inbound::{InboundEvent, InboundRequest, Written};

/// How long an answer may wait for the commit. Providers wait 5 s or longer.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bodies from this length on are judged beside the workers that serve connections.
const LONG_BODY_BYTES: usize = 256 * 1024;

/// The sources by name, each with its keys prepared.
#[derive(Debug)]
pub(super) struct Doors {
    by_name: HashMap<String, Arc<Door>>,
    log_rejections: LogRejections,
}

/// A source that may be posted to.
#[derive(Debug)]
pub(super) struct Door {
    source: Arc<Source>,
    verifier: Verifier,
}

impl Doors {
    /// Opens a door for each source.
    pub(super) fn new(settings: &Inbound) -> Self {
        let door = |source: &Arc<Source>| {
            let verifier = Verifier::new(Arc::clone(source));
            (source.name.clone(), Arc::new(Door { source: Arc::clone(source), verifier }))
        };
        let by_name = settings.sources.iter().map(door).collect();
        Self { by_name, log_rejections: settings.log_rejections }
    }
}

/// What requests share.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) doors: watch::Receiver<Arc<Doors>>,
    pub(super) writer: Writer,
    pub(super) bodies: Bodies,
    pub(super) certificates: Certificates,
    pub(super) rejections: Rejections,
    pub(super) metrics: Arc<Metrics>,
}

/// The routes. Providers are pasted URLs with and without a slash at the end.
pub(super) fn router(inbox: Arc<Inbox>) -> Router {
    Router::new()
        .route("/webhooks/{source}", any(receive))
        .route("/webhooks/{source}/", any(receive))
        .fallback(async || answer::unknown_source())
        .with_state(inbox)
}

async fn receive(
    State(inbox): State<Arc<Inbox>>,
    Path(name): Path<String>,
    request: HttpRequest<Body>,
) -> Response {
    let door = inbox.doors.borrow().by_name.get(&name).cloned();
    let Some(door) = door else { return answer::unknown_source() };
    let source = &door.source;
    match (request.method(), source.handshake) {
        (&Method::POST, _) | (&Method::GET, Handshake::Meta) => {}
        (&Method::HEAD, Handshake::Head) => return answer::present(),
        _ => return answer::wrong_method(),
    }
    let (head, body) = request.into_parts();
    let (body, _room) = match inbox.bodies.read(body, source.max_body_bytes).await {
        Ok(read) => read,
        Err(Unread::TooLarge) => return answer::too_large(),
        Err(Unread::Incomplete) => return answer::incomplete(),
        Err(Unread::NoRoom) => return answer::unavailable(source, "overloaded"),
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let request = Request { method: head.method, target, headers: head.headers, body };
    inbox.answer(&door, request).await
}

impl Inbox {
    async fn answer(&self, door: &Arc<Door>, request: Request) -> Response {
        let (verdict, request) = self.judge(door, request).await;
        match verdict {
            Verdict::Events(post) => self.store(&door.source, post, &request).await,
            Verdict::Handshake(handshaken) => self.shake_hands(&door.source, handshaken).await,
            Verdict::NeedsCertificate(_) => {
                answer::unavailable(&door.source, "certificate_unavailable")
            }
            Verdict::Rejected(rejection) => self.reject(&door.source, &rejection, &request),
        }
    }

    /// The verdict, with the certificate that it asks for if that can be had.
    async fn judge(&self, door: &Arc<Door>, request: Request) -> (Verdict, Request) {
        let (verdict, request) = judged(door, request, None).await;
        let Verdict::NeedsCertificate(url) = &verdict else { return (verdict, request) };
        match self.certificates.get(url).await {
            Some(certificate) => judged(door, request, Some(certificate)).await,
            None => (verdict, request),
        }
    }

    async fn store(&self, source: &Source, post: Post, request: &Request) -> Response {
        let types: Vec<Option<String>> =
            post.events.iter().map(|event| event.event_type.clone()).collect();
        let ids: Vec<String> = post.events.iter().map(|event| event.event_id.clone()).collect();
        let written = self.writer.store(storable(source, post), PATIENCE).await;
        let Ok(written) = written else {
            tracing::warn!(source = source.name, "not stored: the database is away or busy");
            return answer::unavailable(source, "database_unavailable");
        };
        match &written {
            Written::Stored { duplicates, .. } => {
                for ((event_type, event_id), duplicate) in types.iter().zip(&ids).zip(duplicates) {
                    let status = if *duplicate { "duplicate" } else { "received" };
                    self.metrics.inbound_event(&source.name, event_type.as_deref(), status);
                    tracing::debug!(source = source.name, event_id, event_type, status, "received");
                }
            }
            Written::Replayed => {
                let rejection = Rejection::of(Reason::Replayed);
                return self.reject(source, &rejection, request);
            }
        }
        answer::stored(source, ids.len(), &written)
    }

    async fn shake_hands(&self, source: &Source, handshaken: Handshaken) -> Response {
        if let Some(told) = &handshaken.tell {
            tracing::warn!(source = source.name, "{told}");
        }
        if let Some(url) = &handshaken.confirm
            && !self.certificates.confirm(url).await
        {
            return answer::unavailable(source, "confirmation_failed");
        }
        tracing::info!(source = source.name, "answered a handshake");
        answer::handshaken(handshaken)
    }

    fn reject(&self, source: &Source, rejection: &Rejection, request: &Request) -> Response {
        self.metrics.inbound_rejection(&source.name, rejection.reason.as_str());
        let which = self.doors.borrow().log_rejections;
        if let Some(row) = self.rejections.note(source, rejection, request, which) {
            self.writer.note(row);
        }
        answer::rejected(source, rejection)
    }
}

async fn judged(
    door: &Arc<Door>,
    request: Request,
    certificate: Option<Bytes>,
) -> (Verdict, Request) {
    let is_long = request.body.len() >= LONG_BODY_BYTES;
    let door = Arc::clone(door);
    let judge = move || {
        let verdict = door.verifier.judge(&request, now_ms(), certificate.as_deref());
        (verdict, request)
    };
    if !is_long {
        return judge();
    }
    match tokio::task::spawn_blocking(judge).await {
        Ok(judged) => judged,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

fn storable(source: &Source, post: Post) -> InboundRequest {
    let events = post.events.into_iter().map(|draft| InboundEvent {
        mapped: takes(source.into.as_ref(), draft.event_type.as_deref()),
        event_id: draft.event_id,
        event_type: draft.event_type,
        payload: draft.payload,
        raw: draft.raw,
        unusable: draft.unusable,
    });
    InboundRequest {
        source: source.name.as_str().into(),
        replay: post.replay,
        body_sha256: post.body_sha256,
        headers: post.headers,
        events: events.collect(),
    }
}

/// Whether a mapping is there for events of this type.
fn takes(mapping: Option<&Mapping>, event_type: Option<&str>) -> bool {
    let matches = |glob: &String| glob_matches(glob, event_type.unwrap_or_default());
    mapping.is_some_and(|into| into.types.is_empty() || into.types.iter().any(matches))
}
