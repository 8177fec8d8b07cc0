//! Reads bodies: to a length, in a time, and all together within one budget of memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bodies of all requests that are not answered yet. The longest that a provider sends are mails
/// of 30 MB; two of them at a time must do.
const BUDGET_BYTES: usize = 64 * 1024 * 1024;
/// What the budget is counted in.
const UNIT_BYTES: usize = 1024;
/// From the end of the headers to the end of the body.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// The budget.
#[derive(Debug)]
pub(super) struct Bodies {
    room: Arc<Semaphore>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Longer than its source takes.
    TooLarge,
    /// It broke off or took too long.
    Incomplete,
    /// Too much is being received.
    NoRoom,
}

/// Memory that a body takes; goes back when dropped.
pub(super) type Room = Option<OwnedSemaphorePermit>;

impl Default for Bodies {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(BUDGET_BYTES / UNIT_BYTES)) }
    }
}

impl Bodies {
    /// The whole body, of at most `limit` bytes. Memory is taken for what has come in, not for
    /// what was announced: a sender that announces and waits holds none.
    pub(super) async fn read(&self, body: Body, limit: usize) -> Result<(Bytes, Room), Unread> {
        if body.size_hint().lower() > limit as u64 {
            return Err(Unread::TooLarge);
        }
        timeout(BODY_WAIT, self.collect(body, limit)).await.unwrap_or(Err(Unread::Incomplete))
    }

    async fn collect(&self, mut body: Body, limit: usize) -> Result<(Bytes, Room), Unread> {
        let mut read = Read { first: Bytes::new(), joined: BytesMut::new(), room: None };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Unread::Incomplete)?.into_data() else { continue };
            let length = read.length() + data.len();
            if length > limit {
                return Err(Unread::TooLarge);
            }
            self.make_room(&mut read.room, length)?;
            read.push(data);
        }
        Ok(read.finish())
    }

    fn make_room(&self, room: &mut Room, bytes: usize) -> Result<(), Unread> {
        let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(UNIT_BYTES).saturating_sub(held);
        let more = u32::try_from(more).map_err(|_| Unread::NoRoom)?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(more);
        let permit = permit.map_err(|_| Unread::NoRoom)?;
        match room {
            Some(room) => room.merge(permit),
            None => *room = Some(permit),
        }
        Ok(())
    }
}

/// A body as far as it has come. One that comes in one piece is not copied.
struct Read {
    first: Bytes,
    joined: BytesMut,
    room: Room,
}

impl Read {
    fn length(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.length() == 0 {
            self.first = data;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&data);
    }

    fn finish(self) -> (Bytes, Room) {
        let body = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        (body, self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(chunks: &[&'static [u8]]) -> Body {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk))).collect();
        Body::from_stream(futures_util::stream::iter(chunks))
    }

    #[tokio::test]
    async fn chunks_are_joined_in_order() {
        let (body, _room) =
            Bodies::default().read(chunked(&[b"a", b"bc", b"", b"d"]), 4).await.unwrap();
        assert_eq!(body, "abcd");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_announced_or_not() {
        let bodies = Bodies::default();
        assert_eq!(bodies.read(Body::from("abcde"), 4).await.err(), Some(Unread::TooLarge));
        assert_eq!(bodies.read(chunked(&[b"abc", b"de"]), 4).await.err(), Some(Unread::TooLarge));
        assert!(bodies.read(Body::from("abcd"), 4).await.is_ok());
        assert!(bodies.read(Body::empty(), 0).await.is_ok());
    }

    #[tokio::test]
    async fn bodies_share_one_budget_and_give_it_back() {
        let bodies = Bodies { room: Arc::new(Semaphore::new(3)) };
        let (_, two) = bodies.read(Body::from(vec![0; 2 * UNIT_BYTES]), 1 << 20).await.unwrap();
        assert_eq!(
            bodies.read(Body::from(vec![0; 1025]), 1 << 20).await.err(),
            Some(Unread::NoRoom)
        );
        drop(two);
        assert!(bodies.read(Body::from(vec![0; 1025]), 1 << 20).await.is_ok());
    }
}
