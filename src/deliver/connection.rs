//! One HTTP/1.1 connection: hyper's state machine, driven by whoever waits for its answer, so
//! that it needs no task of its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::wire::{Seen, Stream, Wire};

/// A connection that was kept alive and waits for its next request.
///
/// It belongs to the [`Client`](super::client::Client) that handed it out.
pub struct Connection(Box<Inner>);

struct Inner {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Wire>, Full<Bytes>>,
    /// hyper has let go of the connection.
    ended: bool,
    seen: Seen,
    idle_since: Instant,
}

/// Many receivers close after 60 s or more of silence; a longer rest only buys resets.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// An answer has at most this many headers; more are a broken answer (whose status counts).
const MOST_HEADERS: usize = 1000;

/// Room for an answer's head, on each of hundreds of connections. A longer one is not read to its
/// end: its status counts, its headers are not recorded and the connection is not kept.
const MOST_HEAD_BYTES: usize = 256 * 1024;

impl Connection {
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        let wire = Wire::new(stream);
        let seen = wire.seen();
        let (sender, driver) = http1::Builder::new()
            .title_case_headers(true)
            .max_headers(MOST_HEADERS)
            .max_buf_size(MOST_HEAD_BYTES)
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(wire))
            .await?;
        let idle_since = Instant::now();
        Ok(Self(Box::new(Inner { sender, driver, ended: false, seen, idle_since })))
    }

    /// Whether it has rested too long to be used again.
    pub fn is_stale(&self) -> bool {
        self.0.idle_since.elapsed() > LONGEST_REST
    }

    /// Whether the peer has kept it open, as far as is known now.
    pub(super) async fn is_usable(&mut self) -> bool {
        !self.is_stale() && self.settle().await
    }

    /// What comes in from now on.
    pub(super) fn begin(&mut self) -> Seen {
        self.0.seen.begin();
        self.0.seen.clone()
    }

    /// Sends `request` and waits for the answer's head.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let answer = self.0.sender.send_request(request);
        self.drive(answer).await
    }

    /// Waits for `future`, which waits for the connection.
    pub(super) async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.0.advance(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// After an answer's last byte: itself, if it can be used again.
    pub(super) async fn rest(mut self) -> Option<Self> {
        self.0.idle_since = Instant::now();
        self.settle().await.then_some(self)
    }

    /// Lets hyper act on what has come in; true if it could send a request now.
    async fn settle(&mut self) -> bool {
        poll_fn(|cx| {
            self.0.advance(cx);
            Poll::Ready(!self.0.ended && self.0.sender.is_ready())
        })
        .await
    }
}

impl Inner {
    fn advance(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            // How it ended is told to whoever waits for the answer.
            self.ended = Pin::new(&mut self.driver).poll(cx).is_ready();
        }
    }
}
