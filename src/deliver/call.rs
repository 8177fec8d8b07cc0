//! A call that is no delivery: for a token, for a certificate, with an alert. One request on a
//! connection of its own, under the same guard as deliveries, without redirects.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, request};
use http_body_util::{BodyExt, Full, Limited};
use rustls::ClientConfig;
use url::Url;

use super::connect_error::ConnectError;
use super::connection::Connection;
use super::connector::{self, Step};
use super::network::Network;

/// What any such answer fits into: a chain of certificates or a token is a tenth of it.
const MOST_BYTES: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The exchange broke.
    #[error("the exchange broke")]
    Http(#[from] hyper::Error),
    /// The body broke or was too long.
    #[error("the body is longer than 64 KiB or broke")]
    Body,
}

impl CallError {
    /// Whether no resolver could tell the address.
    pub(super) fn is_resolver_out(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_resolver_out())
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn retry_after(&self) -> Option<&str> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()
    }
}

/// The head of a request for `url`.
pub(super) fn request(method: Method, url: &Url) -> request::Builder {
    let host = url.host_str().unwrap_or_default();
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Request::builder()
        .method(method)
        .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(HOST, authority)
        .header(USER_AGENT, concat!("walhook/", env!("CARGO_PKG_VERSION")))
}

/// Sends `request` to `url`, with TLS if `tls` is given, and keeps `step` up to date. Whoever
/// calls sets the deadline.
pub(super) async fn call(
    (network, url): (&Network, &Url),
    tls: Option<&Arc<ClientConfig>>,
    request: Request<Full<Bytes>>,
    step: &mut Step,
) -> Result<Answer, CallError> {
    let stream = connector::connect(url, network, tls, step).await?;
    let mut connection = Connection::new(stream).await?;
    let (head, body) = connection.send(request).await?.into_parts();
    let body = Limited::new(body, MOST_BYTES);
    let body = connection.drive(body.collect()).await.map_err(|_| CallError::Body)?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}
