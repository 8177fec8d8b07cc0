//! The bytes of a connection, and an eye on those that come in.
//!
//! A 2xx is a success by its status line alone, whatever becomes of the headers; hyper hands out
//! nothing until it has parsed them all. So the status line is read here, beside hyper. Also
//! here: whether any byte of an answer came, which decides if a broken connection may be retried.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection with or without TLS.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection whose incoming bytes are watched.
pub(super) struct Wire {
    stream: Stream,
    seen: Seen,
    /// The peer takes no more. That may be because it has answered already, so the answer is
    /// waited for as if the rest had been sent.
    deaf: bool,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, seen: Seen(Arc::default()), deaf: false }
    }

    /// The eye on it; stays valid when the connection is gone.
    pub(super) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    fn note_deaf<T>(&mut self, written: Poll<io::Result<T>>, as_if: T) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(_)) => {
                self.deaf = true;
                Poll::Ready(Ok(as_if))
            }
            other => other,
        }
    }
}

/// What has been seen of the answer to the request under way.
#[derive(Clone)]
pub(super) struct Seen(Arc<Mutex<Sight>>);

impl Seen {
    /// Forgets the answer before; call it when a request begins.
    pub(super) fn begin(&self) {
        *self.lock() = Sight::default();
    }

    /// Whether any byte of an answer came.
    pub(super) fn anything(&self) -> bool {
        self.lock().anything
    }

    /// The status, if a whole status line came that is not 1xx.
    pub(super) fn status(&self) -> Option<u16> {
        match self.lock().at {
            At::Final(status) => Some(status),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Sight {
    anything: bool,
    at: At,
    /// Bytes that came before the status line that counts.
    interim: usize,
}

/// Where in the answer the next byte stands.
#[derive(Clone, Copy)]
enum At {
    /// In `HTTP/1.1 200`, of which `.1` bytes came.
    Start([u8; START], usize),
    /// In the reason of a status line.
    Reason(u16),
    /// In the headers of a 1xx; true at the begin of a line.
    Interim(bool),
    /// Past the status line that counts.
    Final(u16),
    /// In something that is not HTTP.
    Garbage,
}

/// Room for answers of 1xx. hyper passes over them for as long as they come, faster than any
/// deadline is looked at.
const MOST_INTERIM_BYTES: usize = 64 * 1024;

/// Length of `HTTP/1.1 200`.
const START: usize = 12;

impl Default for At {
    fn default() -> Self {
        Self::Start([0; START], 0)
    }
}

impl Sight {
    /// False once 1xx answers have used up their room.
    fn see(&mut self, bytes: &[u8]) -> bool {
        self.anything |= !bytes.is_empty();
        for byte in bytes {
            if matches!(self.at, At::Final(_) | At::Garbage) {
                return true;
            }
            self.at = self.at.after(*byte);
            self.interim += 1;
        }
        self.interim <= MOST_INTERIM_BYTES
    }
}

impl At {
    fn after(self, byte: u8) -> Self {
        match self {
            // Empty lines before an answer are left over from the one before.
            Self::Start(_, 0) if byte == b'\r' || byte == b'\n' => self,
            Self::Start(mut start, length) if length < START => {
                start[length] = byte;
                Self::Start(start, length + 1)
            }
            Self::Start(start, _) => match (status(start), byte) {
                (Some(status), b' ' | b'\r') => Self::Reason(status),
                (Some(status), b'\n') => Self::of_status(status),
                _ => Self::Garbage,
            },
            Self::Reason(status) if byte == b'\n' => Self::of_status(status),
            Self::Interim(true) if byte == b'\n' => Self::default(),
            Self::Interim(line_begins) => {
                Self::Interim(byte == b'\n' || line_begins && byte == b'\r')
            }
            Self::Reason(_) | Self::Final(_) | Self::Garbage => self,
        }
    }

    fn of_status(status: u16) -> Self {
        // After 101 the connection is no longer HTTP, so no other answer follows.
        if (100..200).contains(&status) && status != 101 {
            Self::Interim(true)
        } else {
            Self::Final(status)
        }
    }
}

fn status(start: [u8; START]) -> Option<u16> {
    match start {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', digits @ ..] => {
            let digits = std::str::from_utf8(&digits).ok()?;
            digits.parse().ok().filter(|status| *status >= 100)
        }
        _ => None,
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        })?;
        match self.seen.lock().see(&buf.filled()[before..]) {
            true => Poll::Ready(Ok(())),
            false => {
                let text = "1xx answers without end";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)))
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        };
        self.note_deaf(written, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = || bufs.iter().map(|buf| buf.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(length()));
        }
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
        };
        self.note_deaf(written, length())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let flushed = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        };
        self.note_deaf(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after `bytes`, which must not depend on how they were cut into reads.
    fn seen(bytes: &[u8]) -> Option<u16> {
        let by_reads = |size: usize| {
            let seen = Seen(Arc::default());
            for read in bytes.chunks(size) {
                seen.lock().see(read);
            }
            assert_eq!(seen.anything(), !bytes.is_empty());
            seen.status()
        };
        let whole = by_reads(bytes.len().max(1));
        assert!((1..=bytes.len()).all(|size| by_reads(size) == whole));
        whole
    }

    #[test]
    fn a_whole_status_line_is_enough() {
        assert_eq!(seen(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(seen(b"HTTP/1.0 503 \r\n"), Some(503));
        assert_eq!(seen(b"HTTP/1.1 204\r\n"), Some(204));
        assert_eq!(seen(b"HTTP/1.1 204\n"), Some(204));
        assert_eq!(seen(b"\r\nHTTP/1.1 200 OK\r\nbroken\0header"), Some(200));
    }

    #[test]
    fn less_than_a_status_line_is_nothing() {
        for bytes in [&b""[..], b"HTTP/1.1 20", b"HTTP/1.1 200", b"HTTP/1.1 200 OK", b"\r\n"] {
            assert_eq!(seen(bytes), None);
        }
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n";
        assert_eq!(seen(interim.as_bytes()), None);
        assert_eq!(seen(format!("{interim}HTTP/1.1 202 Accepted\r\n").as_bytes()), Some(202));
        assert_eq!(seen(b"HTTP/1.1 100 Continue\r\nx: HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(seen(b"HTTP/1.1 101 Switching Protocols\r\n"), Some(101));
    }

    #[test]
    fn what_is_not_http_has_no_status() {
        for bytes in [
            &b"SSH-2.0-OpenSSH_9.6\r\nHTTP/1.1 200 OK\r\n"[..],
            b"HTTP/2.0 200 OK\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 +20 OK\r\n",
            b"HTTP/1.1 099 OK\r\n",
            b" HTTP/1.1 200 OK\r\n",
        ] {
            assert_eq!(seen(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
