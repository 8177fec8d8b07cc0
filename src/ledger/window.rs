//! The ordered window: what has been read and is not settled yet. Pure.
//!
//! The watermark is the end of the longest settled prefix; only what lies before it may be
//! confirmed to PostgreSQL. Commits without deliveries and keepalives pass through here in
//! stream order: beside it, a keepalive would acknowledge a commit that was just taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::DeliveryId;
use crate::event::job::{Job, Passage};
use crate::lsn::{Lsn, Position};

/// A delivery that holds the watermark this long is settled by a row in the queue instead.
const LONGEST_HOLD: Duration = Duration::from_secs(2);

/// Unsettled positions beyond which the oldest are settled likewise, whatever their age.
const MOST_SLOTS: usize = 100_000;

/// Most deliveries settled by rows at a time: one batch.
const MOST_OVERDUE: usize = 1_000;

/// Positions in stream order, each with its unsettled deliveries.
#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// Number of the first slot.
    first: u64,
    watermark: Position,
    confirmed: Lsn,
}

#[derive(Debug)]
struct Slot {
    position: Position,
    commit_milliseconds: u64,
    unsettled: Vec<Arc<Job>>,
    /// Passages without deliveries that came after it.
    after: Option<(Position, Option<Lsn>)>,
    since: Instant,
}

impl Window {
    /// An empty window behind what is settled already.
    pub(super) fn new(watermark: Position, confirmed: Lsn) -> Self {
        Self { slots: VecDeque::new(), first: 0, watermark, confirmed }
    }

    /// Everything up to here is settled.
    pub(super) fn watermark(&self) -> Position {
        self.watermark
    }

    /// What may be reported as flushed.
    pub(super) fn confirmed(&self) -> Lsn {
        self.confirmed
    }

    /// Commit time in ms before which no settled or unsettled delivery beyond the watermark lies.
    pub(super) fn earliest_commit(&self) -> Option<u64> {
        self.slots.iter().map(|slot| slot.commit_milliseconds).min()
    }

    /// Takes up a passage; those with deliveries are numbered from 0 in order.
    pub(super) fn pass(&mut self, passage: Passage, now: Instant) {
        let Passage { position, end, jobs } = passage;
        if let Some(job) = jobs.first() {
            let commit_milliseconds = job.delivery.event.id.commit_milliseconds();
            let after = end.map(|end| (position, Some(end)));
            self.slots.push_back(Slot {
                position,
                commit_milliseconds,
                unsettled: jobs,
                after,
                since: now,
            });
        } else if let Some(last) = self.slots.back_mut() {
            let former_end = last.after.and_then(|(_, end)| end);
            last.after = Some((position, end.or(former_end)));
        } else {
            self.advance(position, end);
        }
    }

    /// Settles a delivery of slot `number`. Settling twice is settling once.
    pub(super) fn settle(&mut self, number: u64, delivery: DeliveryId) {
        let Some(index) = number.checked_sub(self.first) else { return };
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        slot.unsettled.retain(|job| job.delivery.id != delivery);
        while self.slots.front().is_some_and(|slot| slot.unsettled.is_empty()) {
            let Some(slot) = self.slots.pop_front() else { return };
            self.first += 1;
            self.advance(slot.position, None);
            if let Some((position, end)) = slot.after {
                self.advance(position, end);
            }
        }
    }

    /// Deliveries that have held the watermark too long.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Arc<Job>> {
        let surplus = self.slots.len().saturating_sub(MOST_SLOTS);
        self.slots
            .iter()
            .enumerate()
            .take_while(|(index, slot)| {
                *index < surplus || now.saturating_duration_since(slot.since) >= LONGEST_HOLD
            })
            .flat_map(|(_, slot)| slot.unsettled.iter().cloned())
            .take(MOST_OVERDUE)
            .collect()
    }

    /// When [`Window::overdue`] will first return something.
    pub(super) fn next_overdue(&self) -> Option<Instant> {
        self.slots.front().map(|slot| slot.since + LONGEST_HOLD)
    }

    fn advance(&mut self, position: Position, end: Option<Lsn>) {
        self.watermark = self.watermark.max(position);
        if let Some(end) = end {
            self.confirmed = self.confirmed.max(end);
        }
    }
}
