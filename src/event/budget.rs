//! Memory that deliveries take, counted from routing until the ledger has committed them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a delivery takes besides its body: itself, its event, its place in queues.
const OVERHEAD: usize = 512;

/// Memory that a delivery with a body of `bytes` takes.
pub fn footprint(bytes: usize) -> usize {
    bytes + OVERHEAD
}

/// One lane's share of the memory budget, and what it holds of it.
#[derive(Debug)]
pub struct Share {
    used: AtomicUsize,
    limit: AtomicUsize,
    /// The reader, when it waits for room. There is one reader.
    room: AtomicWaker,
}

/// Room taken in a [`Share`]; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    share: Arc<Share>,
    bytes: usize,
    is_given_back: AtomicBool,
    /// Room among the large ones, until it is dropped.
    large: Option<LargeRoom>,
}

/// Memory for single deliveries that are larger than a lane's share, of all lanes together: each
/// lane alone would have room for one, and a hundred lanes would not.
#[derive(Clone, Debug)]
pub struct Large {
    kilobytes: Arc<Semaphore>,
    total: u32,
}

/// Room taken in [`Large`]; given back when dropped.
#[derive(Debug)]
pub struct LargeRoom {
    _permit: OwnedSemaphorePermit,
}

impl Large {
    /// Room for `bytes`.
    pub fn new(bytes: usize) -> Self {
        let total = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).max(1);
        Self { kilobytes: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits for room for `bytes`; who wants more than there is gets all of it.
    pub async fn take(&self, bytes: usize) -> Option<LargeRoom> {
        let wanted = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(self.total);
        let permit = Arc::clone(&self.kilobytes).acquire_many_owned(wanted).await;
        // It is never closed.
        permit.ok().map(|permit| LargeRoom { _permit: permit })
    }
}

impl Share {
    /// A share of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            room: AtomicWaker::new(),
        })
    }

    /// Takes `bytes`, past the limit if need be: who takes looks at [`Share::is_over`] afterwards.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Charge {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            share: Arc::clone(self),
            bytes,
            is_given_back: AtomicBool::new(false),
            large: None,
        }
    }

    /// Whether more is taken than the limit.
    pub fn is_over(&self) -> bool {
        self.used() > self.limit()
    }

    /// Bytes taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Bytes that may be taken.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes how many may be taken.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
        self.room.wake();
    }

    /// Returns when the share is within its limit. Cancel-safe; for one waiter at a time.
    pub async fn room(&self) {
        std::future::poll_fn(|context| {
            // Registered before the look, so that a charge dropped in between still wakes us.
            self.room.register(context.waker());
            if self.is_over() { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        })
        .await;
    }
}

impl Charge {
    /// The same for a delivery that has room among the large ones.
    pub fn with(mut self, large: Option<LargeRoom>) -> Self {
        self.large = large;
        self
    }

    /// Whether it takes room among the large ones.
    pub fn is_large(&self) -> bool {
        self.large.is_some()
    }

    /// Gives the room back although the memory is still taken: nobody is to wait for it.
    pub fn give_back(&self) {
        if self.is_given_back.swap(true, Ordering::AcqRel) {
            return;
        }
        let before = self.share.used.fetch_sub(self.bytes, Ordering::AcqRel);
        let limit = self.share.limit();
        if before > limit && before - self.bytes <= limit {
            self.share.room.wake();
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_charge_makes_room() {
        let share = Share::new(10);
        let (first, second) = (share.take(8), share.take(8));
        assert!(share.is_over());
        let waiter = tokio::spawn({
            let share = Arc::clone(&share);
            async move { share.room().await }
        });
        drop(first);
        waiter.await.unwrap();
        assert_eq!(share.used(), 8);
        second.give_back();
        assert_eq!(share.used(), 0);
        drop(second);
        assert_eq!(share.used(), 0, "once is all");
    }
}
