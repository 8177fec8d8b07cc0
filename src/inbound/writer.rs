//! The way of a request into the table: a bounded queue, and the one task that empties it.
//!
//! Whoever waits is answered after the commit, or told in time that it did not come about.

mod desk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

pub use desk::run;

use crate::store::inbound::{InboundRejection, InboundRequest, Written};

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Requests: a second's worth at full rate on a slow disk.
    pub requests: usize,
    /// Bytes of events: a flood of large bodies must not take the machine.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { requests: 4096, bytes: 64 * 1024 * 1024 }
    }
}

/// Rejections that wait for a row; further ones go without.
const MOST_REJECTIONS: usize = 1024;

/// What an event costs beside its texts and bytes, roughly.
const EVENT_OVERHEAD: usize = 256;

/// Why a request is not stored, or not known to be: the provider should send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Too much is waiting.
    #[error("too many requests are waiting to be stored")]
    Full,
    /// There is no session with PostgreSQL.
    #[error("the database cannot be reached")]
    Away,
    /// It took too long.
    #[error("storing it took too long")]
    Late,
    /// PostgreSQL refuses it.
    #[error("the database refuses it")]
    Refused,
}

/// Hands requests to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    waiting: mpsc::Sender<Waiting>,
    rejections: mpsc::Sender<InboundRejection>,
    room: Arc<Semaphore>,
    limits: QueueLimits,
    is_away: Arc<AtomicBool>,
}

/// The writer's end of the queue.
#[derive(Debug)]
pub struct Queue {
    waiting: mpsc::Receiver<Waiting>,
    rejections: mpsc::Receiver<InboundRejection>,
    is_away: Arc<AtomicBool>,
}

/// A request and who waits for it.
#[derive(Debug)]
struct Waiting {
    request: InboundRequest,
    answer: oneshot::Sender<Result<Written, Unavailable>>,
    bytes: usize,
    room: OwnedSemaphorePermit,
}

/// A queue and the handle to it.
pub fn channel(limits: QueueLimits) -> (Writer, Queue) {
    let (waiting, received) = mpsc::channel(limits.requests);
    let (rejections, rejected) = mpsc::channel(MOST_REJECTIONS);
    let is_away = Arc::<AtomicBool>::default();
    let room = Arc::new(Semaphore::new(limits.bytes));
    let queue = Queue { waiting: received, rejections: rejected, is_away: Arc::clone(&is_away) };
    (Writer { waiting, rejections, room, limits, is_away }, queue)
}

impl Writer {
    /// Stores `request`; returns once it is committed.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] at once while nothing can be stored, and at the latest after `patience`. It
    /// may have been stored all the same, which the provider's next attempt will show.
    pub async fn store(
        &self,
        request: InboundRequest,
        patience: Duration,
    ) -> Result<Written, Unavailable> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(Unavailable::Away);
        }
        let bytes = size(&request);
        // One that is larger than everything may pass alone.
        let share = u32::try_from(bytes.min(self.limits.bytes)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(share);
        let room = room.map_err(|_| Unavailable::Full)?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { request, answer, bytes, room };
        self.waiting.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unavailable::Full,
            mpsc::error::TrySendError::Closed(_) => Unavailable::Away,
        })?;
        match timeout(patience, answered).await {
            Ok(Ok(outcome)) => outcome,
            // The writer stopped.
            Ok(Err(_)) => Err(Unavailable::Away),
            Err(_) => Err(Unavailable::Late),
        }
    }

    /// Notes a request that was not taken, if there is room for it.
    pub fn note(&self, rejection: InboundRejection) {
        // It is a sample at best; nothing may wait for it.
        let _ = self.rejections.try_send(rejection);
    }
}

fn size(request: &InboundRequest) -> usize {
    let event = |event: &crate::store::inbound::InboundEvent| {
        let payload = event.payload.as_ref().map_or(0, String::len);
        payload + event.raw.len() + event.event_id.len() + request.headers.len() + EVENT_OVERHEAD
    };
    request.events.iter().map(event).sum::<usize>() + EVENT_OVERHEAD
}
