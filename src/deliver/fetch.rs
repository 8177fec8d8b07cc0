//! A small document of a provider: a certificate, a confirmation. Under the same guard as
//! deliveries, over https alone, without redirects.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;
use url::Url;

use super::connect_error::ConnectError;
use super::connection::Connection;
use super::connector::{self, Step};
use super::network::Network;
use super::tls::TlsError;

/// A provider's sender waits for our answer meanwhile.
const DEADLINE: Duration = Duration::from_secs(3);
/// A chain of certificates is a tenth of this.
const MOST_BYTES: usize = 64 * 1024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not an https URL.
    #[error("it is not an https URL")]
    Url,
    /// The system's roots cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The exchange broke.
    #[error("the exchange broke")]
    Http(#[from] hyper::Error),
    /// The body broke or was too long.
    #[error("the body is longer than 64 KiB or broke")]
    Body,
    /// It was answered with something else than 200.
    #[error("it was answered with {0}")]
    Status(StatusCode),
    /// It took too long.
    #[error("it took longer than 3 s")]
    Deadline,
}

/// Fetches `url`.
///
/// # Errors
/// [`FetchError`]; the caller decides whether another time may do.
pub async fn fetch(network: &Network, url: &Url) -> Result<Bytes, FetchError> {
    timeout(DEADLINE, Box::pin(exchange(network, url))).await.unwrap_or(Err(FetchError::Deadline))
}

async fn exchange(network: &Network, url: &Url) -> Result<Bytes, FetchError> {
    let host = url.host_str().filter(|_| url.scheme() == "https").ok_or(FetchError::Url)?;
    let tls = network.system_tls()?;
    let stream = connector::connect(url, network, Some(&tls), &mut Step::default()).await?;
    let mut connection = Connection::new(stream).await?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let request = Request::get(target)
        .header(HOST, authority)
        .header(ACCEPT, "*/*")
        .header(USER_AGENT, concat!("walhook/", env!("CARGO_PKG_VERSION")))
        .body(Full::default())
        .map_err(|_| FetchError::Url)?;
    let answer = connection.send(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let body = Limited::new(answer.into_body(), MOST_BYTES);
    let body = connection.drive(body.collect()).await.map_err(|_| FetchError::Body)?;
    Ok(body.to_bytes())
}
