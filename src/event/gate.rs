//! Whether new attempts may begin at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::job::Job;
use crate::endpoint::EndpointId;

/// Outcomes that may wait for the log before new attempts stop. Ten full batches: more than a
/// healthy PostgreSQL ever leaves behind, and few enough that a crash repeats little.
const MOST_UNLOGGED: usize = 10_000;

/// Bytes of answers that may wait likewise: they are in nobody's share of the memory budget.
const MOST_UNLOGGED_BYTES: usize = 8 * 1024 * 1024;

/// Outcomes that make a batch worth writing at once.
pub const FULL_BATCH: usize = 1_000;

/// Open while this process holds the slot and the log keeps up.
///
/// Only the slot's holder sends: after losing replication another daemon may have it.
#[derive(Debug, Default)]
pub struct Gate {
    slot_held: AtomicBool,
    unlogged: AtomicUsize,
    unlogged_bytes: AtomicUsize,
    changed: Notify,
    hurry: Notify,
    has_given_up: AtomicBool,
    given_up: Mutex<Vec<(Arc<Job>, bool)>>,
}

impl Gate {
    /// Says whether the slot is held.
    pub fn set_slot_held(&self, held: bool) {
        self.slot_held.store(held, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Whether the slot is held.
    pub fn is_slot_held(&self) -> bool {
        self.slot_held.load(Ordering::Acquire)
    }

    /// Notes an outcome that is on its way to the log, with an answer of `bytes`; a full batch of
    /// them hurries the ledger.
    pub fn add_unlogged(&self, bytes: usize) {
        self.unlogged_bytes.fetch_add(bytes, Ordering::AcqRel);
        let before = self.unlogged.fetch_add(1, Ordering::AcqRel);
        if (before + 1).is_multiple_of(FULL_BATCH) {
            self.hurry();
        }
    }

    /// Tells the ledger not to linger.
    pub fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Notes that the queue refuses a delivery, which has ended as failed: whether it was to be
    /// tried again, so that others wait behind it.
    pub fn give_up(&self, job: Arc<Job>, is_retry: bool) {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        given_up.push((job, is_retry));
        self.has_given_up.store(true, Ordering::Release);
    }

    /// Takes what was given up of an endpoint's.
    pub fn take_given_up(&self, endpoint: EndpointId) -> Vec<(Arc<Job>, bool)> {
        if !self.has_given_up.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        let is_its = |(job, _): &mut (Arc<Job>, bool)| job.delivery.endpoint == endpoint;
        let taken = given_up.extract_if(.., is_its).collect();
        self.has_given_up.store(!given_up.is_empty(), Ordering::Release);
        taken
    }

    /// Returns once somebody is in a hurry. For the ledger alone. Cancel-safe.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Notes that `count` outcomes are in the log, with answers of `bytes` in all.
    pub fn remove_unlogged(&self, count: usize, bytes: usize) {
        let bytes_before = self.unlogged_bytes.fetch_sub(bytes, Ordering::AcqRel);
        let before = self.unlogged.fetch_sub(count, Ordering::AcqRel);
        if before >= MOST_UNLOGGED || bytes_before >= MOST_UNLOGGED_BYTES {
            self.changed.notify_waiters();
        }
    }

    /// Whether an attempt may begin.
    pub fn is_open(&self) -> bool {
        self.is_slot_held()
            && self.unlogged.load(Ordering::Acquire) < MOST_UNLOGGED
            && self.unlogged_bytes.load(Ordering::Acquire) < MOST_UNLOGGED_BYTES
    }

    /// Returns once an attempt may begin. Cancel-safe.
    pub async fn opened(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_open() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_that_are_not_logged_stop_new_attempts() {
        let gate = Gate::default();
        gate.set_slot_held(true);
        gate.add_unlogged(MOST_UNLOGGED_BYTES - 1);
        assert!(gate.is_open());
        gate.add_unlogged(1);
        assert!(!gate.is_open());
        gate.remove_unlogged(2, MOST_UNLOGGED_BYTES);
        assert!(gate.is_open());
    }
}
