//! The port for operators: is it alive, is it ready, and numbers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::inbound::server::{self, Limits};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::shutdown::Shutdown;

/// Probes and scrapers, one or two connections each.
const LIMITS: Limits =
    Limits { connections: 64, header_wait: Duration::from_secs(10), grace: Duration::from_secs(2) };

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What must hold for the daemon to be ready.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// Whether replication streams.
    pub streaming: watch::Receiver<bool>,
    /// Whether the log takes rows.
    pub writable: watch::Receiver<bool>,
    /// Whether the daemon waits for `walhook init` after a gap in the WAL.
    pub stopped_at_gap: watch::Receiver<bool>,
}

impl Readiness {
    /// What is missing, for people; empty when ready.
    pub fn missing(&self) -> Vec<&'static str> {
        let streaming = *self.streaming.borrow();
        let writable = *self.writable.borrow();
        let gap = *self.stopped_at_gap.borrow();
        [
            (gap, "waiting for walhook init after a gap in the WAL"),
            (!streaming, "not streaming from the replication slot"),
            (!writable, "the log cannot be written"),
        ]
        .into_iter()
        .filter_map(|(missing, text)| missing.then_some(text))
        .collect()
    }
}

/// What the port shows.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// Asked by `/readyz`.
    pub readiness: Readiness,
    /// Bearer token that everything but `/healthz` asks for. `None`: nothing does.
    pub token: Option<Secret>,
}

/// Serves `/healthz`, `/readyz` and `/metrics` on `listener` until `shutdown`.
pub async fn serve(listener: TcpListener, ops: Ops, shutdown: Shutdown) {
    let ops = Arc::new(ops);
    let router = Router::new()
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
        .layer(middleware::from_fn_with_state(Arc::clone(&ops), authorize))
        // It tells no more than that the port is open, and a supervisor has no token.
        .route("/healthz", get(async || "ok\n"))
        .with_state(ops);
    server::serve(listener, router, LIMITS, shutdown).await;
}

async fn readyz(State(ops): State<Arc<Ops>>) -> Response {
    let missing = ops.readiness.missing();
    match missing.is_empty() {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response(),
    }
}

async fn metrics(State(ops): State<Arc<Ops>>) -> Response {
    ([(header::CONTENT_TYPE, OPENMETRICS)], ops.metrics.render()).into_response()
}

async fn authorize(State(ops): State<Arc<Ops>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if ops.token.as_ref().is_none_or(|token| given.is_some_and(|given| matches(given, token))) {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, "a bearer token is required\n").into_response()
}

/// Compares digests, so that neither content nor length shows in the time that it takes.
fn matches(given: &[u8], token: &Secret) -> bool {
    let Some((scheme, given)) = given.split_at_checked("Bearer ".len()) else { return false };
    let same = Sha256::digest(given).ct_eq(&Sha256::digest(token.expose().as_bytes()));
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(same)
}
