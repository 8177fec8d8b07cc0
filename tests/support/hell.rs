//! Receivers from hell: each misbehaves in one way and has one outcome.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use super::receiver::{Peer, Receiver};

/// What an attempt at a receiver must come to, whatever else it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A 2xx, or a status that is none, by its status line.
    Status(u16),
    /// No answer: the class, as in the log.
    Class(&'static str),
}

/// What follows once it has said its first words.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// It closes in good order.
    Close,
    /// It lets the connection go, under TLS without a word.
    Vanish,
    /// It closes with a reset.
    Reset,
    /// It keeps silent until the other end gives up.
    Hold,
    /// It says this again and again, slowly.
    Trickle(&'static str),
    /// It says this again and again, as fast as it is taken.
    Flood(Vec<u8>),
}

/// A receiver that misbehaves.
#[derive(Clone, Debug)]
pub(crate) struct Rude {
    pub(crate) name: &'static str,
    /// Whether it reads requests before it says anything.
    pub(crate) reads: bool,
    says: Vec<u8>,
    then: Then,
    pub(crate) outcome: Outcome,
}

const GAP: Duration = Duration::from_millis(10);

impl Rude {
    /// Misbehaves on one connection.
    pub(crate) async fn serve(self: Arc<Self>, mut peer: Peer) {
        if self.reads && peer.request().await.is_none() {
            return;
        }
        if !peer.send(&self.says).await {
            return;
        }
        match &self.then {
            Then::Close => peer.close().await,
            Then::Vanish => drop(peer),
            Then::Reset => peer.reset(),
            Then::Hold if self.reads => peer.closed().await,
            // It does not even read what it is sent.
            Then::Hold => peer.vanished().await,
            Then::Trickle(text) => {
                while peer.send(text).await {
                    tokio::time::sleep(GAP).await;
                }
            }
            Then::Flood(bytes) => while peer.send(bytes).await {},
        }
    }

    /// Listens for whoever wants to know.
    pub(crate) async fn start(self) -> Receiver {
        let rude = Arc::new(self);
        Receiver::start(move |peer| Arc::clone(&rude).serve(peer)).await
    }
}

fn rude(name: &'static str, says: impl Into<Vec<u8>>, then: Then, outcome: Outcome) -> Rude {
    Rude { name, reads: true, says: says.into(), then, outcome }
}

/// A gzip member of zeros: 13 bits for every 258 bytes of them.
fn bomb() -> Vec<u8> {
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    // Final block, fixed codes; a literal zero; then length 258 at distance 1, without end.
    let mut bits = vec![1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    for _ in 0..400_000 {
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    bytes.extend(bits.chunks(8).map(|byte| {
        byte.iter().enumerate().fold(0, |value: u8, (place, bit)| value | bit << place)
    }));
    bytes
}

/// Every way that we know of.
#[allow(clippy::too_many_lines, reason = "one table")]
pub(crate) fn all() -> Vec<Rude> {
    use Outcome::{Class, Status};
    use Then::{Close, Flood, Hold, Reset, Trickle, Vanish};
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let many = |count| -> String { (0..count).map(|n| format!("X-{n}: v\r\n")).collect() };
    let zeros = || vec![b'x'; 65_536];
    let deaf = |rude: Rude| Rude { reads: false, ..rude };
    vec![
        // The head.
        rude("says nothing", "", Hold, Class("timeout")),
        deaf(rude("does not even read", "", Hold, Class("timeout"))),
        rude("trickles something before the head", "", Trickle("\r\n"), Class("timeout")),
        rude("trickles a status line without end", "HTTP/1.1 200 ", Trickle("o"), Class("timeout")),
        rude("trickles the head of a 2xx", "HTTP/1.1 200 OK\r\n", Trickle("X: y\r\n"), Status(200)),
        rude("trickles the head of a 500", "HTTP/1.1 500 Oh\r\n", Trickle("X: y\r\n"), Status(500)),
        rude("trickles 1xx answers", "", Trickle("HTTP/1.1 102 Wait\r\n\r\n"), Class("timeout")),
        rude("floods with 1xx answers", "", flood("HTTP/1.1 103 A\r\n\r\n"), Class("protocol")),
        rude("floods with empty lines", "", flood("\r\n"), Class("protocol")),
        rude("floods with a status line", "HTTP/1.1 200 ", Flood(zeros()), Class("protocol")),
        rude("floods with headers", "HTTP/1.1 200 OK\r\n", flood("X: y\r\n"), Status(200)),
        rude("floods with one header", "HTTP/1.1 201 OK\r\nX: ", Flood(zeros()), Status(201)),
        rude("floods with headers of a 500", "HTTP/1.1 500 Oh\r\n", flood("X: y\r\n"), Status(500)),
        rude(
            "has thousands of headers",
            format!("HTTP/1.1 200 OK\r\n{}\r\n", many(5000)),
            Hold,
            Status(200),
        ),
        rude(
            "says continue first",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            Close,
            Status(204),
        ),
        rude(
            "switches protocols",
            "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            Flood(zeros()),
            Status(101),
        ),
        // Not HTTP/1.1.
        rude("speaks HTTP/2", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", Hold, Class("protocol")),
        rude(
            "sends the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Hold,
            Class("protocol"),
        ),
        rude("speaks SSH", "SSH-2.0-OpenSSH_9.6\r\n", Hold, Class("protocol")),
        rude("floods with noise", "", Flood(zeros()), Class("protocol")),
        // The body.
        rude(
            "trickles the body of a 2xx",
            "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            Trickle("x"),
            Status(200),
        ),
        rude(
            "trickles the body of a 503",
            "HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n",
            Trickle("x"),
            Status(503),
        ),
        rude("trickles chunks", chunked, Trickle("1\r\nx\r\n"), Status(200)),
        rude(
            "floods with a body of a gigabyte",
            "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
            Flood(zeros()),
            Status(200),
        ),
        rude(
            "floods with a body without end",
            "HTTP/1.1 200 OK\r\n\r\n",
            Flood(zeros()),
            Status(200),
        ),
        rude("floods with a body of a 500", "HTTP/1.1 500 Oh\r\n\r\n", Flood(zeros()), Status(500)),
        rude("floods with chunks", chunked, flood("4\r\nxxxx\r\n"), Status(200)),
        rude(
            "floods with a chunk's extensions",
            format!("{chunked}1;"),
            Flood(zeros()),
            Status(200),
        ),
        rude("floods with trailers", format!("{chunked}0\r\n"), flood("X: y\r\n"), Status(200)),
        rude(
            "claims a chunk of all there is",
            format!("{chunked}ffffffffffffffff\r\n"),
            Flood(zeros()),
            Status(200),
        ),
        rude("breaks its chunks", format!("{chunked}5\r\nhello\r\nzz\r\n"), Close, Status(200)),
        rude(
            "sends a gzip bomb",
            [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec(), bomb()].concat(),
            Close,
            Status(200),
        ),
        rude(
            "promises more than it sends",
            "HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\nx",
            Close,
            Status(202),
        ),
        // The end.
        rude("closes at once", "", Close, Class("reset")),
        rude("resets at once", "", Reset, Class("reset")),
        rude("closes within the status line", "HTTP/1.1 20", Vanish, Class("reset")),
        rude("resets within the head", "HTTP/1.1 200 OK\r\nX-", Reset, Status(200)),
        rude(
            "resets within the body",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
            Reset,
            Status(200),
        ),
        deaf(rude(
            "answers and closes before it reads",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            Vanish,
            Status(200),
        )),
        deaf(rude(
            "answers and does not read",
            "HTTP/1.1 413 Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Hold,
            Status(413),
        )),
    ]
}

fn flood(text: &str) -> Then {
    Then::Flood(text.repeat(65_536 / text.len()).into_bytes())
}
