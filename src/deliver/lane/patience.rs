//! When a full lane gives up waiting and parks: sooner where others wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Lane;
use crate::event::job::Parking;
use crate::store::Health;

/// A full lane makes the reader wait as long as its content would drain within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A lane that would take longer waits this long nevertheless while no other could take anything:
/// parking costs far more than WAL that stays where it is. Longer than an outage of five seconds.
const ALONE: Duration = Duration::from_secs(8);

/// How long a lane has been too full, and whether it counts as idle among the others.
#[derive(Debug)]
pub(super) struct Patience {
    idle_lanes: Arc<AtomicUsize>,
    is_idle: bool,
    stuck_since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(idle_lanes: Arc<AtomicUsize>) -> Self {
        Self { idle_lanes, is_idle: false, stuck_since: None }
    }

    /// Tells the others whether this lane could take more.
    fn set_idle(&mut self, is_idle: bool) {
        if is_idle != self.is_idle {
            self.is_idle = is_idle;
            let step = if is_idle { 1 } else { usize::MAX };
            self.idle_lanes.fetch_add(step, Ordering::Relaxed);
        }
    }

    /// Whether another lane could take more.
    pub(super) fn others_wait(&self) -> bool {
        self.idle_lanes.load(Ordering::Relaxed) > 0
    }

    /// A full lane drains soon, or does not: whether it is to park now.
    fn is_over(&mut self, drains_soon: bool, now: Instant) -> bool {
        if drains_soon {
            self.stuck_since = None;
            return false;
        }
        let since = *self.stuck_since.get_or_insert(now);
        self.others_wait() || now.saturating_duration_since(since) >= ALONE
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.set_idle(false);
    }
}

impl Lane {
    /// A full lane that would not drain soon spills; so does one that cannot send at all.
    pub(super) fn reconsider(&mut self, now: Instant) {
        let is_idle = self.under_way.is_empty()
            && self.admitted.is_empty()
            && self.due.is_empty()
            && self.waiting_count() == 0;
        self.patience.set_idle(is_idle && self.is_in_service() && self.mode.is_direct());
        let is_gate_open = self.around.gate.is_open();
        if is_idle || !is_gate_open {
            self.drain.pause();
        } else {
            // Also where nothing can be sent now: a lane that waits for a retry stands still.
            self.drain.begin(now);
        }
        let cannot_send = self.fitness.rest(now).is_some() || !self.is_in_service();
        if cannot_send && self.hoards() {
            self.spill();
        }
        let is_full = self.share.is_over();
        if !is_full {
            self.patience.stuck_since = None;
        } else if !is_gate_open {
            // What is parked would wait for the log too.
        } else if self.mode.is_direct() {
            let is_pressing = self.around.is_pressing.load(Ordering::Relaxed);
            let drains_soon = self.drains_soon(now);
            if is_pressing || self.patience.is_over(drains_soon, now) {
                self.spill();
            }
        } else if self.mode.is_closing() {
            let parked = self.mode.reopen();
            for job in parked {
                self.park(job, Parking::Ready);
            }
        }
    }

    fn drains_soon(&self, now: Instant) -> bool {
        let rest = self.fitness.rest(now).unwrap_or_default();
        let bytes = self.share.used() + self.read_back.used();
        self.health == Health::Active
            && self.drain.time_for(bytes, now).saturating_add(rest) <= LONGEST_WAIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_nobody_waits_for_sits_out_five_seconds() {
        let idle_lanes = Arc::new(AtomicUsize::new(0));
        let mut patience = Patience::new(Arc::clone(&idle_lanes));
        let now = Instant::now();
        assert!(!patience.is_over(false, now));
        assert!(!patience.is_over(false, now + Duration::from_secs(5)));
        assert!(patience.is_over(false, now + ALONE));
        assert!(!patience.is_over(true, now + ALONE), "it drains again");
        assert!(!patience.is_over(false, now + 2 * ALONE), "and stops anew");
    }

    #[test]
    fn a_lane_that_others_wait_for_parks_at_once() {
        let idle_lanes = Arc::new(AtomicUsize::new(0));
        let [mut full, mut other] = [(); 2].map(|()| Patience::new(Arc::clone(&idle_lanes)));
        other.set_idle(true);
        assert!(full.is_over(false, Instant::now()));
        drop(other);
        assert!(!full.is_over(false, Instant::now()));
    }
}
