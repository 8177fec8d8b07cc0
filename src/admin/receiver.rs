//! A webhook receiver that verifies: for `walhook listen`, for the demo and for tests.
//!
//! It owns its connections and nothing else; what arrives is judged, handed to whoever asked,
//! and answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::verdict::{Judge, Verdict};
use crate::secret::Secret;
use crate::shutdown::Shutdown;
use crate::sign::{Scheme, SecretError};

/// What a receiver believes and how it answers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Secrets, any of which may have signed; without any, nothing is checked.
    pub secrets: Vec<Secret>,
    /// The answer to every request. `None`: 200, and 401 to what does not verify.
    pub status: Option<StatusCode>,
    /// How long to think before answering.
    pub delay: Duration,
    /// Larger bodies are answered 413.
    pub most_body_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { secrets: Vec::new(), status: None, delay: Duration::ZERO, most_body_bytes: 16 << 20 }
    }
}

/// A request that arrived whole.
#[derive(Debug)]
pub struct Received {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the byte.
    pub body: Bytes,
    /// Whether to believe it.
    pub verdict: Verdict,
    /// What it is answered.
    pub answer: StatusCode,
    /// When it had arrived whole.
    pub at: Instant,
}

impl Received {
    /// The value of the header `name`, or `-`.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-")
    }
}

/// Receives on `listener` until `shutdown`, then ends when the open requests are answered. Each
/// request goes to `sink` before it is answered; the answer waits while `sink` is full, and does
/// not depend on `sink` being read at all.
///
/// # Errors
/// When one of the secrets cannot be one.
pub async fn receive(
    listener: TcpListener,
    settings: Settings,
    sink: mpsc::Sender<Received>,
    mut shutdown: Shutdown,
) -> Result<(), SecretError> {
    let desk = Arc::new(Desk { judge: Judge::new(&SCHEMES, &settings.secrets)?, settings, sink });
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned();
        let accepted = tokio::select! {
            () = shutdown.stopped() => break,
            place = place => {
                let place = place.expect("the semaphore is never closed");
                tokio::select! {
                    () = shutdown.stopped() => break,
                    accepted = listener.accept() => accepted.map(|(stream, _)| (stream, place)),
                }
            }
        };
        match accepted {
            Ok((stream, place)) => {
                let (desk, shutdown) = (desk.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, desk, shutdown).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, or a peer that left again: the next may fare better.
                tracing::warn!(%error, "could not accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

const SCHEMES: [Scheme; 4] = [Scheme::XWebhook, Scheme::Standard, Scheme::Body, Scheme::XSignature];

/// More than any sender opens by default, fewer than a process may have descriptors.
const MOST_CONNECTIONS: usize = 512;

/// A sender on the same machine or network takes milliseconds; a trickler is cut off.
const MOST_WAIT: Duration = Duration::from_secs(10);

struct Desk {
    judge: Judge,
    settings: Settings,
    sink: mpsc::Sender<Received>,
}

async fn connection(stream: TcpStream, desk: Arc<Desk>, mut shutdown: Shutdown) {
    // Small answers must not wait for the acknowledgement of the last one.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MOST_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = shutdown.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let limited = Limited::new(body, self.settings.most_body_bytes);
        let body = match timeout(MOST_WAIT, limited.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return response(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Ok(Err(_)) => return response(StatusCode::BAD_REQUEST),
            Err(_) => return response(StatusCode::REQUEST_TIMEOUT),
        };
        let at = Instant::now();
        let now = jiff::Timestamp::now().as_second();
        let verdict = self.judge.judge(&parts.headers, &body, now);
        let answer = self.settings.status.unwrap_or(match verdict {
            Verdict::Verified(_) | Verdict::Unchecked => StatusCode::OK,
            Verdict::Refused(..) | Verdict::Unsigned => StatusCode::UNAUTHORIZED,
        });
        sleep(self.settings.delay).await;
        let received = Received {
            path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            method: parts.method,
            headers: parts.headers,
            body,
            verdict,
            answer,
            at,
        };
        // Nobody reads any more: the sender is answered all the same.
        let _ = self.sink.send(received).await;
        response(answer)
    }
}

fn response(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::shutdown;
    use crate::sign::{Message, Signer};

    struct Running {
        stream: TcpStream,
        received: mpsc::Receiver<Received>,
        stop: shutdown::Trigger,
    }

    async fn start(settings: Settings) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (sink, received) = mpsc::channel(8);
        let (stop, shutdown) = shutdown::channel();
        tokio::spawn(receive(listener, settings, sink, shutdown));
        Running { stream, received, stop }
    }

    fn request(headers: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "POST /hooks?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
    }

    fn signed(secret: &str, body: &str) -> String {
        let signer = Signer::new(Scheme::Body, &[Secret::new(secret)]).unwrap();
        let message = Message { id: "", timestamp: "", body: body.as_bytes() };
        format!("X-Webhook-Signature: {}\r\n", signer.sign(&message)[0])
    }

    async fn exchange(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
    }

    fn secret(text: &str) -> Settings {
        Settings { secrets: vec![Secret::new(text)], ..Settings::default() }
    }

    #[tokio::test]
    async fn a_good_signature_is_answered_200_and_reported_with_its_bytes() {
        let mut running = start(secret("s")).await;
        let request = request(&signed("s", "{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(exchange(&mut running.stream, &request).await, "HTTP/1.1 200 OK");
        let received = running.received.recv().await.unwrap();
        assert!(received.verdict.is_verified());
        assert_eq!(
            (received.path.as_str(), &received.body[..]),
            ("/hooks?x=1", &b"{\"a\": 1}"[..])
        );
    }

    #[tokio::test]
    async fn a_bad_signature_is_answered_401_and_reported_too() {
        let mut running = start(secret("s")).await;
        let answer = exchange(&mut running.stream, &request(&signed("other", "{}"), "{}")).await;
        assert_eq!(answer, "HTTP/1.1 401 Unauthorized");
        assert!(!running.received.recv().await.unwrap().verdict.is_verified());
    }

    #[tokio::test]
    async fn a_bad_receiver_can_be_played() {
        let status = Some(StatusCode::SERVICE_UNAVAILABLE);
        let mut running = start(Settings { status, ..secret("s") }).await;
        let answer = exchange(&mut running.stream, &request(&signed("s", "{}"), "{}")).await;
        assert_eq!(answer, "HTTP/1.1 503 Service Unavailable");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_answered_413() {
        let mut running = start(Settings { most_body_bytes: 3, ..Settings::default() }).await;
        let answer = exchange(&mut running.stream, &request("", "four")).await;
        assert_eq!(answer, "HTTP/1.1 413 Payload Too Large");
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_up_the_end() {
        let mut running = start(Settings::default()).await;
        exchange(&mut running.stream, &request("", "")).await;
        running.received.recv().await.unwrap();
        running.stop.stop();
        assert!(running.received.recv().await.is_none(), "the receiver has ended");
    }
}
