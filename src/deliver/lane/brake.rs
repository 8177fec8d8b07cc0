//! A lane that reads its backlog back slows the reader where it would never be done otherwise:
//! rows are parked faster than they are read back, and the receiver is not to blame.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Lane;
use crate::event::budget::Charge;

/// Rows that may be parked while nothing is read: about a page, so that both take turns.
const SLACK: i64 = 500;

/// Rows read back for each that may be parked: with others waiting, who are slowed too, and
/// without. Either shrinks the backlog.
const SHARED: i64 = 2;
const ALONE: i64 = 8;

/// A lane that was out of rows within this time waits for the queue, not for its receiver.
const RECENTLY: Duration = Duration::from_millis(300);

/// What is parked against what is read back.
#[derive(Debug, Default)]
pub(super) struct Brake {
    debt: i64,
    starved_at: Option<Instant>,
    /// Fills the lane's share, which holds the reader.
    charge: Option<Charge>,
}

impl Brake {
    /// Notes that a row was parked.
    pub(super) fn parked(&mut self) {
        self.debt += 1;
    }

    /// Notes that rows were read back.
    pub(super) fn read(&mut self, rows: usize, others_wait: bool) {
        let weight = if others_wait { SHARED } else { ALONE };
        self.debt = (self.debt - weight * i64::try_from(rows).unwrap_or(0)).max(0);
    }

    /// Whether the reader is to be held now.
    fn wants(&mut self, is_starved: bool, now: Instant) -> bool {
        if is_starved {
            self.starved_at = Some(now);
        }
        let waits_for_queue =
            self.starved_at.is_some_and(|at| now.saturating_duration_since(at) < RECENTLY);
        if !waits_for_queue {
            self.debt = 0;
        }
        waits_for_queue && self.debt > if self.charge.is_some() { 0 } else { SLACK }
    }
}

impl Lane {
    /// Holds the reader, or lets it go on.
    pub(super) fn brake(&mut self, now: Instant) {
        if !self.mode.is_spilled() {
            self.brake = Brake::default();
            return;
        }
        let is_starved = self.waiting_count() == 0 && self.fetch.is_some() && self.may_start(now);
        match (self.brake.wants(is_starved, now), self.brake.charge.is_some()) {
            (true, false) => {
                self.brake.charge = Some(Arc::clone(&self.share).take(self.share.limit() + 1));
            }
            (false, true) => self.brake.charge = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_is_out_of_rows_holds_the_reader_until_it_has_read_more_than_was_parked() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        (0..SLACK).for_each(|_| brake.parked());
        assert!(!brake.wants(true, now));
        brake.parked();
        assert!(brake.wants(true, now));
        brake.read(250, true);
        assert!(brake.debt > 0);
        brake.read(1, true);
        assert!(!brake.wants(true, now));
    }

    #[test]
    fn a_lane_whose_receiver_is_slow_never_holds_the_reader() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        (0..10 * SLACK).for_each(|_| brake.parked());
        assert!(!brake.wants(false, now));
        (0..10 * SLACK).for_each(|_| brake.parked());
        assert!(brake.wants(true, now));
        assert!(!brake.wants(false, now + RECENTLY), "its receiver stopped");
    }
}
