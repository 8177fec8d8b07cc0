//! Memory that deliveries take, counted from routing until the ledger has committed them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::task::AtomicWaker;

/// What a delivery takes besides its body: itself, its event, its place in queues.
const OVERHEAD: usize = 512;

/// Deliveries without bodies that fit into `bytes`.
pub fn most_deliveries(bytes: usize) -> usize {
    bytes / OVERHEAD
}

/// Memory that a delivery with a body of `bytes` takes.
pub fn footprint(bytes: usize) -> usize {
    bytes + OVERHEAD
}

/// One lane's share of the memory budget, and what it holds of it.
#[derive(Debug)]
pub struct Share {
    used: AtomicUsize,
    limit: usize,
    /// The reader, when it waits for room. There is one reader.
    room: AtomicWaker,
}

/// Room taken in a [`Share`]; given back when dropped, or before.
#[derive(Debug)]
pub struct Charge {
    share: Arc<Share>,
    bytes: AtomicUsize,
}

impl Share {
    /// A share of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit, room: AtomicWaker::new() })
    }

    /// Takes `bytes`, past the limit if need be: who takes looks at [`Share::is_over`] afterwards.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Charge {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Charge { share: Arc::clone(self), bytes: AtomicUsize::new(bytes) }
    }

    /// Whether more is taken than the limit.
    pub fn is_over(&self) -> bool {
        self.used() > self.limit
    }

    /// Bytes taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Bytes that may be taken.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether someone who waits for room still has to: until a quarter is free, lest the reader
    /// go on for one delivery at a time.
    pub fn is_full(&self) -> bool {
        self.used() > self.low_water()
    }

    fn low_water(&self) -> usize {
        self.limit - self.limit / 4
    }

    /// Returns when the share is no longer full. Cancel-safe; for one waiter at a time.
    pub async fn room(&self) {
        std::future::poll_fn(|context| {
            // Registered before the look, so that a charge dropped in between still wakes us.
            self.room.register(context.waker());
            if self.is_full() { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        })
        .await;
    }
}

impl Charge {
    /// Gives the room back although the delivery stays in memory: nobody is to wait for it.
    pub fn waive(&self) {
        let bytes = self.bytes.swap(0, Ordering::AcqRel);
        let before = self.share.used.fetch_sub(bytes, Ordering::AcqRel);
        let low_water = self.share.low_water();
        if before > low_water && before - bytes <= low_water {
            self.share.room.wake();
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.waive();
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
        second.waive();
        assert_eq!(share.used(), 0);
        drop(second);
        assert_eq!(share.used(), 0, "once");
    }
}
