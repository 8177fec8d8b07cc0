//! A small document of a provider: a certificate, a confirmation. Over https alone.

use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;
use url::Url;

use super::call::{self, CallError};
use super::connector::Step;
use super::network::Network;
use super::tls::TlsError;

/// A provider's sender waits for our answer meanwhile.
const DEADLINE: Duration = Duration::from_secs(3);

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not an https URL.
    #[error("it is not an https URL")]
    Url,
    /// The system's roots cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There was no answer.
    #[error(transparent)]
    Call(#[from] CallError),
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
    if url.scheme() != "https" {
        return Err(FetchError::Url);
    }
    let tls = network.system_tls()?;
    let request = call::request(Method::GET, url).header(ACCEPT, "*/*").body(Full::default());
    let request = request.map_err(|_| FetchError::Url)?;
    let answer = call::call((network, url), Some(&tls), request, &mut Step::default()).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        status => Err(FetchError::Status(status)),
    }
}
