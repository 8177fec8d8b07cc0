//! One attempt: from a delivery to what becomes of it, under one deadline.
//!
//! Whoever calls owns the connections and the concurrency; an attempt is one future that spawns
//! nothing, so dropping it ends it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use rustls::ClientConfig;
use tokio::time::timeout_at;
use url::Url;

use super::answer;
use super::authorize::{Authorizer, LONGEST_TOKEN};
use super::connection::Connection;
use super::connector::{self, Step};
use super::failure::{self, Explained, Failure};
use super::network::Network;
pub use super::request::ClientError;
use super::request::Requests;
use super::tls;
use super::token::{NoToken, Token};
use super::wire::Seen;
use crate::endpoint::{Auth, Endpoint, TlsFiles};
use crate::event::{Attempt, Delivery, ErrorClass};

/// Makes the attempts of one endpoint.
pub struct Client {
    requests: Requests,
    url: Url,
    host: String,
    tls: Option<Arc<ClientConfig>>,
    authorizer: Option<Authorizer>,
    /// In bytes, of those that a receiver could echo.
    longest_secret: usize,
    timeout: Duration,
    network: Arc<Network>,
}

impl Client {
    /// Prepares what all attempts share: keys, headers, TLS.
    ///
    /// # Errors
    /// When no attempt could ever be made; what may change from one attempt to the next, as
    /// addresses do, is a failed attempt instead.
    pub fn new(endpoint: &Endpoint, network: Arc<Network>) -> Result<Self, ClientError> {
        let tls = match endpoint.url.scheme() {
            "https" if endpoint.tls == TlsFiles::default() => Some(network.system_tls()?),
            "https" => Some(tls::with_files(&endpoint.tls)?),
            _ => None,
        };
        let authorizer = match &endpoint.auth {
            Some(Auth::OAuth2(credentials)) => {
                Some(Authorizer::new(credentials, &endpoint.tls, &network)?)
            }
            _ => None,
        };
        let requests = Requests::new(endpoint)?;
        let secrets = requests.secrets.iter().map(|secret| secret.expose().len());
        let longest_token = authorizer.as_ref().map(|_| LONGEST_TOKEN);
        Ok(Self {
            longest_secret: secrets.chain(longest_token).max().unwrap_or_default(),
            requests,
            authorizer,
            host: endpoint.url.host_str().unwrap_or_default().to_owned(),
            url: endpoint.url.clone(),
            tls,
            timeout: endpoint.timeout.min(LONGEST_TIMEOUT),
            network,
        })
    }

    /// The URL as the log shows it: without user info, and with query values masked.
    pub fn logged_url(&self) -> String {
        answer::logged_url(&self.url)
    }

    /// Makes one attempt, the `attempt`-th (from 1), on `idle` if the peer has kept it open.
    ///
    /// Returns the connection if it can be used again. A failure is no error but what the
    /// [`Attempt`] says. Dropping the future ends the attempt.
    pub async fn attempt(
        &self,
        idle: Option<Connection>,
        delivery: &Delivery,
        attempt: u32,
    ) -> (Attempt, Option<Connection>) {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let since_1970 = started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let order = Order { delivery, attempt, unix_seconds: since_1970.as_secs() as i64 };
        let mut progress = Progress::default();
        let deadline = (clock + self.timeout).into();
        let exchange = self.exchange(idle, order, &mut progress);
        let (failure, connection) = match timeout_at(deadline, exchange).await {
            Ok(Ok(connection)) => (None, connection),
            Ok(Err(failure)) => (Some(failure.explain(&self.host)), None),
            Err(_) => (Some(self.out_of_time(&progress)), None),
        };
        let mut attempt = self.report(progress, failure);
        attempt.started_at = since_1970.as_micros() as i64;
        attempt.duration = clock.elapsed();
        (attempt, connection)
    }

    /// With a token where one is wanted; if it is not accepted, once more with a new one.
    async fn exchange(
        &self,
        idle: Option<Connection>,
        order: Order<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Connection>, Failure> {
        let Some(authorizer) = &self.authorizer else {
            return self.call(idle, order, progress).await;
        };
        self.authorize(authorizer, progress).await?;
        let idle = self.call(idle, order, progress).await?;
        if !progress.is_unauthorized() {
            return Ok(idle);
        }
        *progress = Progress { token: progress.token.take(), ..Progress::default() };
        self.authorize(authorizer, progress).await.map_err(NoToken::after_401)?;
        self.call(idle, order, progress).await
    }

    /// Gets a token, another one than that of `progress`.
    async fn authorize(
        &self,
        authorizer: &Authorizer,
        progress: &mut Progress,
    ) -> Result<(), NoToken> {
        let step = progress.token_step.insert(Step::default());
        let token = authorizer.token(&self.network, progress.token.as_ref(), step);
        // Asking is rare and large beside talking.
        let token = Box::pin(token).await?;
        progress.token = Some(token);
        progress.token_step = None;
        Ok(())
    }

    async fn call(
        &self,
        idle: Option<Connection>,
        order: Order<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Connection>, Failure> {
        if let Some(mut connection) = idle
            && connection.is_usable().await
        {
            match self.talk(connection, order, progress).await {
                // The peer closed it while the request was on its way: nobody has acted on it.
                Err(_) if !progress.anything_came() => {}
                done => return done,
            }
        }
        let connect =
            connector::connect(&self.url, &self.network, self.tls.as_ref(), &mut progress.step);
        // Connecting is rare and large beside talking.
        let stream = Box::pin(connect).await?;
        let connection = Connection::new(stream).await?;
        self.talk(connection, order, progress).await
    }

    async fn talk(
        &self,
        mut connection: Connection,
        order: Order<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Connection>, Failure> {
        progress.step = Step::Connected;
        progress.seen = Some(connection.begin());
        let when = (order.attempt, order.unix_seconds);
        let (request, signature) =
            self.requests.make(order.delivery, when, progress.token.as_deref());
        progress.signature = signature;
        let (head, body) = connection.send(request).await?.into_parts();
        progress.head = Some((head.status, head.headers));
        if body.is_end_stream() || self.read(&mut connection, body, &mut progress.body).await {
            return Ok(connection.rest().await);
        }
        Ok(None)
    }

    /// Reads a body and keeps its begin. True if it was read to its end. It may break: the status
    /// has decided already.
    async fn read(
        &self,
        connection: &mut Connection,
        mut body: Incoming,
        kept: &mut Vec<u8>,
    ) -> bool {
        let limit = self.network.settings.response_body_bytes;
        let limit = limit.saturating_add(self.longest_secret.max(LONGEST_CHARACTER));
        let mut left = limit.saturating_add(CHEAPER_THAN_A_CONNECTION);
        while let Some(frame) = connection.drive(body.frame()).await {
            let Ok(frame) = frame else { return false };
            let Some(data) = frame.data_ref() else { continue };
            let room = limit.saturating_sub(kept.len()).min(data.len());
            kept.extend_from_slice(&data[..room]);
            left = match left.checked_sub(data.len()) {
                Some(left) => left,
                None => return false,
            };
        }
        true
    }

    /// What the deadline cut off.
    fn out_of_time(&self, progress: &Progress) -> Explained {
        match (&self.authorizer, progress.token_step) {
            (Some(authorizer), Some(step)) => {
                let cut = failure::out_of_time(step, authorizer.host(), self.timeout);
                let text = format!("no token from {}: {}", authorizer.host(), cut.text);
                Explained { class: ErrorClass::Auth, text, ..cut }
            }
            _ => failure::out_of_time(progress.step, &self.host, self.timeout),
        }
    }

    fn report(&self, progress: Progress, failure: Option<Explained>) -> Attempt {
        let seen = progress.seen.as_ref().and_then(Seen::status);
        let status = progress.head.as_ref().map(|(status, _)| status.as_u16()).or(seen);
        let headers = progress.head.as_ref().map(|(_, headers)| headers);
        let retry_after = headers
            .filter(|_| matches!(status, Some(429 | 503)))
            .and_then(|headers| headers.get(RETRY_AFTER)?.to_str().ok())
            .and_then(|value| answer::retry_after(value, SystemTime::now()));
        let limit = self.network.settings.response_body_bytes;
        let token = progress.token.as_ref().map(|token| &token.text);
        let secrets = || self.requests.secrets.iter().chain(token);
        let is_resolver_out = failure.as_ref().is_some_and(|failure| failure.is_resolver_out);
        Attempt {
            started_at: 0,
            duration: Duration::ZERO,
            status,
            response_headers: headers
                .map(|headers| answer::headers_json(headers, &self.requests.masked, secrets()))
                .unwrap_or_default(),
            response_body: answer::body_text(&progress.body, limit, secrets()),
            error: match status {
                Some(200..=299) => None,
                Some(status) => Some((ErrorClass::HttpStatus, failure::answered(status))),
                None => failure.map(|failure| (failure.class, failure.text)),
            },
            is_resolver_out: is_resolver_out && status.is_none(),
            retry_after,
            signature: progress.signature,
        }
    }
}

/// Far beyond what anybody waits for an answer, and small enough to add to any clock.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// A body that goes on for less than this after what is kept of it is read to its end, so that
/// the connection can be used again.
const CHEAPER_THAN_A_CONNECTION: usize = 64 * 1024;

/// One more character than is kept, so that the cut falls between characters; or one more secret,
/// so that it does not fall within one.
const LONGEST_CHARACTER: usize = 4;

/// What is to be sent.
#[derive(Clone, Copy)]
struct Order<'a> {
    delivery: &'a Delivery,
    attempt: u32,
    unix_seconds: i64,
}

/// How far an attempt has come; outlives the exchange when the deadline cuts it off.
#[derive(Default)]
struct Progress {
    /// Of asking for a token, while that is under way.
    token_step: Option<Step>,
    token: Option<Arc<Token>>,
    step: Step,
    signature: String,
    seen: Option<Seen>,
    head: Option<(StatusCode, HeaderMap)>,
    body: Vec<u8>,
}

impl Progress {
    fn is_unauthorized(&self) -> bool {
        self.head.as_ref().is_some_and(|(status, _)| *status == StatusCode::UNAUTHORIZED)
    }

    fn anything_came(&self) -> bool {
        self.seen.as_ref().is_some_and(Seen::anything)
    }
}
