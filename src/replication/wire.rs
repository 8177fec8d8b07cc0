//! Bytes in, bytes out: framing, and buffers that survive a cancelled future.
//!
//! The peer is not trusted: a length is checked before anything is done with it, and memory
//! grows with what has arrived, never with what was announced.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use postgres_protocol::message::backend::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::ReplicationError;

/// A connection of whatever kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// One read asks for this much: a walsender fills its socket in such pieces.
const READ: usize = 64 * 1024;

/// A buffer that grew beyond this for one message is given back after it.
const KEEP: usize = 1024 * 1024;

/// Largest message outside the stream. PostgreSQL's own are far below.
const SMALL: usize = 1024 * 1024;

/// Largest message in the stream: PostgreSQL cannot allocate, hence not send, 1 GiB.
const LARGE: usize = 1 << 30;

/// A connection with its buffers.
pub(super) struct Wire {
    io: Box<dyn Io>,
    pub(super) incoming: BytesMut,
    /// What is still to be sent; whatever is put here is sent by the next waiting call.
    pub(super) outgoing: BytesMut,
    unflushed: bool,
    limit: usize,
}

/// Head of a message that has arrived whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) tag: u8,
    /// Bytes after the head's five.
    pub(super) body: usize,
}

/// Bytes of a message's head: tag and length.
pub(super) const HEAD: usize = 5;

impl Wire {
    pub(super) fn new(io: Box<dyn Io>) -> Self {
        let (incoming, outgoing) = (BytesMut::with_capacity(READ), BytesMut::new());
        Self { io, incoming, outgoing, unflushed: false, limit: SMALL }
    }

    /// From now on messages may be as large as rows are.
    pub(super) fn expect_large(&mut self) {
        self.limit = LARGE;
    }

    /// The next message's head, if all of the message is here.
    pub(super) fn peek(&self) -> Result<Option<Head>, ReplicationError> {
        let Some(head) = self.incoming.first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length < 4 || length > self.limit {
            let what = format!("message {:?} of {length} bytes", char::from(head[0]));
            return Err(ReplicationError::protocol(what));
        }
        let whole = self.incoming.len() > length;
        Ok(whole.then_some(Head { tag: head[0], body: length - 4 }))
    }

    /// Takes `length` bytes; they must be there.
    pub(super) fn take(&mut self, length: usize) -> BytesMut {
        let taken = self.incoming.split_to(length);
        if length > KEEP {
            let mut small = BytesMut::with_capacity(READ.max(self.incoming.len()));
            small.extend_from_slice(&self.incoming);
            self.incoming = small;
        }
        taken
    }

    /// The next message, parsed, waiting for it. Not for the hot path, and not for
    /// CopyBothResponse, which the parser does not know.
    pub(super) async fn message(&mut self) -> Result<Message, ReplicationError> {
        let head = self.head().await?;
        self.parse(head)
    }

    /// Parses the message that `head` belongs to.
    pub(super) fn parse(&mut self, head: Head) -> Result<Message, ReplicationError> {
        let mut whole = self.take(HEAD + head.body);
        match Message::parse(&mut whole) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(ReplicationError::protocol("a message was cut short")),
            Err(error) => Err(ReplicationError::protocol(error.to_string())),
        }
    }

    /// Waits until a whole message is here.
    pub(super) async fn head(&mut self) -> Result<Head, ReplicationError> {
        loop {
            if let Some(head) = self.peek()? {
                return Ok(head);
            }
            self.exchange().await?;
        }
    }

    /// Sends what is to be sent and waits until more has come. Cancel-safe.
    pub(super) async fn exchange(&mut self) -> Result<(), ReplicationError> {
        poll_fn(|cx| self.poll_exchange(cx)).await
    }

    /// Sends what is to be sent. Cancel-safe.
    pub(super) async fn flush(&mut self) -> Result<(), ReplicationError> {
        poll_fn(|cx| self.poll_flush(cx)).await.map_err(ReplicationError::disconnected)
    }

    /// Sends what can be sent, then reads. The writing never holds up the reading: two peers
    /// that both wait for the other to read would wait for ever.
    pub(super) fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ReplicationError>> {
        let written = self.poll_flush(cx);
        self.make_room();
        let read = pin!(self.io.read_buf(&mut self.incoming)).poll(cx);
        match (read, written) {
            (Poll::Ready(Ok(0)), _) => Poll::Ready(Err(ended())),
            (Poll::Ready(Ok(_)), _) => Poll::Ready(Ok(())),
            (Poll::Ready(Err(error)), _) => Poll::Ready(Err(ReplicationError::disconnected(error))),
            // Only now: a server that goes says why before it closes.
            (Poll::Pending, Poll::Ready(Err(error))) => {
                Poll::Ready(Err(ReplicationError::disconnected(error)))
            }
            (Poll::Pending, _) => Poll::Pending,
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.outgoing))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.advance(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Doubles at most, so that a message that only claims to be large costs nothing.
    fn make_room(&mut self) {
        if self.incoming.capacity() - self.incoming.len() < READ / 8 {
            self.incoming.reserve(READ.max(self.incoming.len()));
        }
    }
}

fn ended() -> ReplicationError {
    ReplicationError::Disconnected { reason: "the server closed it".to_owned(), source: None }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn wire() -> (tokio::io::DuplexStream, Wire) {
        let (server, client) = tokio::io::duplex(16 * 1024 * 1024);
        let mut wire = Wire::new(Box::new(client));
        wire.expect_large();
        (server, wire)
    }

    #[tokio::test]
    async fn a_claim_of_a_gigabyte_costs_what_was_sent() {
        let (mut server, mut wire) = wire();
        server.write_all(b"d\x3f\xff\xff\xff and little more").await.unwrap();
        wire.exchange().await.unwrap();
        assert!(wire.peek().unwrap().is_none());
        wire.make_room();
        assert!(wire.incoming.capacity() <= 2 * READ, "{}", wire.incoming.capacity());
    }

    #[tokio::test]
    async fn memory_for_a_large_message_is_given_back_after_it() {
        let (mut server, mut wire) = wire();
        let large = vec![7; 8 * KEEP];
        server.write_all(&[&b"d\0\x80\0\x04"[..], &large, b"Z\0\0\0\x05I"].concat()).await.unwrap();
        let head = wire.head().await.unwrap();
        assert_eq!(wire.take(HEAD + head.body).split_off(HEAD), large);
        while wire.peek().unwrap().is_none() {
            wire.exchange().await.unwrap();
        }
        assert_eq!(wire.incoming, &b"Z\0\0\0\x05I"[..]);
        assert!(wire.incoming.capacity() <= 2 * READ, "{}", wire.incoming.capacity());
    }

    #[tokio::test]
    async fn reading_goes_on_while_the_peer_does_not_read() {
        let (mut server, client) = tokio::io::duplex(16);
        let mut wire = Wire::new(Box::new(client));
        wire.outgoing.extend_from_slice(&[0; 1000]);
        server.write_all(b"hello").await.unwrap();
        wire.exchange().await.unwrap();
        assert_eq!(wire.incoming, &b"hello"[..]);
        assert!(!wire.outgoing.is_empty());
    }
}
