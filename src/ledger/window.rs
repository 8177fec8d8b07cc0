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

/// A delivery that holds the watermark this long is settled by a row in the queue instead, and so
/// are those behind it that are as old.
const LONGEST_HOLD: Duration = Duration::from_secs(2);

/// While the watermark moves, a full lane may take longer than that to come to its last delivery,
/// and a row for each would make it slower still. One that is older than this is settled by a row
/// all the same: a receiver that is slow must not hold the watermark for long.
const LONGEST_AGE: Duration = Duration::from_secs(10);

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
    former: Option<Former>,
    /// Since when the first slot is the first.
    first_since: Option<Instant>,
    /// Time in which nothing could be settled, since the log could not be written: it counts
    /// against no delivery.
    lost: Duration,
}

/// What a former process settled beyond the watermark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former {
    /// Commit time in ms before which none of it lies.
    pub(super) earliest: u64,
    /// It saw nothing beyond this.
    pub(super) until: Lsn,
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
        Self {
            slots: VecDeque::new(),
            first: 0,
            watermark,
            confirmed,
            former: None,
            first_since: None,
            lost: Duration::ZERO,
        }
    }

    /// The same behind a former process: what it settled is read again, and skipped.
    pub(super) fn behind(self, former: Former) -> Self {
        Self { former: Some(former), ..self }
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
    /// Until the watermark has passed what a former process settled, that counts too: it has no
    /// slots here, and after another crash it must be skipped once more.
    pub(super) fn earliest_commit(&self) -> Option<u64> {
        let is_ahead = |former: &Former| self.watermark.commit.0.saturating_add(1) < former.until.0;
        let former = self.former.filter(is_ahead).map(|former| former.earliest);
        self.slots.iter().map(|slot| slot.commit_milliseconds).chain(former).min()
    }

    /// Nothing could be settled for so long.
    pub(super) fn lose(&mut self, time: Duration) {
        self.lost += time;
    }

    /// Takes up a passage; those with deliveries are numbered from 0 in order.
    pub(super) fn pass(&mut self, passage: Passage, now: Instant) {
        let Passage { position, end, jobs } = passage;
        let now = now.checked_sub(self.lost).unwrap_or(now);
        if let Some(job) = jobs.first() {
            let commit_milliseconds = job.delivery.event.id.commit_milliseconds();
            let after = end.map(|end| (position, Some(end)));
            if self.slots.is_empty() {
                self.first_since = Some(now);
            }
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
    pub(super) fn settle(&mut self, number: u64, delivery: DeliveryId, now: Instant) {
        let Some(index) = number.checked_sub(self.first) else { return };
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        slot.unsettled.retain(|job| job.delivery.id != delivery);
        while self.slots.front().is_some_and(|slot| slot.unsettled.is_empty()) {
            let Some(slot) = self.slots.pop_front() else { return };
            self.first += 1;
            self.first_since = Some(now.checked_sub(self.lost).unwrap_or(now));
            self.advance(slot.position, None);
            if let Some((position, end)) = slot.after {
                self.advance(position, end);
            }
        }
    }

    /// Deliveries that have held the watermark too long.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Arc<Job>> {
        let surplus = self.slots.len().saturating_sub(MOST_SLOTS);
        let now = now.checked_sub(self.lost).unwrap_or(now);
        let held = |since: Instant| now.saturating_duration_since(since);
        let stands = self.first_since.is_some_and(|since| held(since) >= LONGEST_HOLD);
        let oldest = if stands { LONGEST_HOLD } else { LONGEST_AGE };
        self.slots
            .iter()
            .enumerate()
            .take_while(|(index, slot)| *index < surplus || held(slot.since) >= oldest)
            .flat_map(|(_, slot)| slot.unsettled.iter().cloned())
            .take(MOST_OVERDUE)
            .collect()
    }

    /// When [`Window::overdue`] will first return something.
    pub(super) fn next_overdue(&self) -> Option<Instant> {
        let first = self.slots.front()?;
        let stands = self.first_since.map(|since| since.max(first.since) + LONGEST_HOLD);
        let aged = first.since + LONGEST_AGE;
        Some(stands.map_or(aged, |stands| stands.min(aged)) + self.lost)
    }

    fn advance(&mut self, position: Position, end: Option<Lsn>) {
        self.watermark = self.watermark.max(position);
        if let Some(end) = end {
            self.confirmed = self.confirmed.max(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;
    use crate::endpoint::EndpointId;
    use crate::event::budget::Share;
    use crate::event::{Delivery, Event, EventId};

    fn at(commit: u64, ordinal: u64) -> Position {
        Position { commit: Lsn(commit), ordinal }
    }

    fn end_of(commit: u64) -> Position {
        at(commit, u64::MAX)
    }

    fn job(slot: u64, position: Position) -> Arc<Job> {
        let id = EventId(u128::from(position.commit.0) << 80 | u128::from(slot));
        let endpoint = EndpointId(Uuid::nil());
        let event = Event {
            id,
            event_type: Arc::from("order.created"),
            position,
            commit_time: 0,
            keys: [0, 0],
        };
        let delivery = Delivery {
            id: DeliveryId::new(id, endpoint),
            endpoint,
            event: Arc::new(event),
            body: Bytes::new(),
        };
        Arc::new(Job::routed(delivery, 0, slot, Share::new(0).take(0)))
    }

    /// One delivery at `position`, in place `slot`.
    fn change(window: &mut Window, slot: u64, position: Position, now: Instant) -> Arc<Job> {
        let job = job(slot, position);
        window.pass(Passage { position, end: None, jobs: vec![Arc::clone(&job)] }, now);
        job
    }

    fn commit(window: &mut Window, commit: u64, end: u64, now: Instant) {
        let passage = Passage { position: end_of(commit), end: Some(Lsn(end)), jobs: vec![] };
        window.pass(passage, now);
    }

    fn settle(window: &mut Window, job: &Job) {
        settle_at(window, job, Instant::now());
    }

    fn settle_at(window: &mut Window, job: &Job, now: Instant) {
        window.settle(job.slot.unwrap(), job.delivery.id, now);
    }

    #[test]
    fn nothing_is_confirmed_before_everything_before_it_is_settled() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let first = change(&mut window, 0, at(10, 0), now);
        commit(&mut window, 10, 11, now);
        let second = change(&mut window, 1, at(20, 0), now);
        commit(&mut window, 20, 21, now);
        settle(&mut window, &second);
        assert_eq!((window.watermark(), window.confirmed()), (at(0, 0), Lsn(0)));
        settle(&mut window, &first);
        assert_eq!((window.watermark(), window.confirmed()), (end_of(20), Lsn(21)));
    }

    #[test]
    fn the_watermark_moves_inside_a_transaction_and_the_confirmed_lsn_does_not() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(5)), Instant::now());
        let first = change(&mut window, 0, at(10, 0), now);
        let _second = change(&mut window, 1, at(10, 1), now);
        settle(&mut window, &first);
        assert_eq!((window.watermark(), window.confirmed()), (at(10, 0), Lsn(5)));
    }

    #[test]
    fn a_keepalive_waits_for_the_deliveries_before_it() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let first = change(&mut window, 0, at(10, 0), now);
        commit(&mut window, 10, 11, now);
        commit(&mut window, 99, 100, now);
        assert_eq!(window.confirmed(), Lsn(0));
        settle(&mut window, &first);
        assert_eq!(window.confirmed(), Lsn(100));
    }

    #[test]
    fn a_keepalive_with_nothing_before_it_is_confirmed_at_once() {
        let mut window = Window::new(at(0, 0), Lsn(0));
        commit(&mut window, 99, 100, Instant::now());
        assert_eq!((window.watermark(), window.confirmed()), (end_of(99), Lsn(100)));
    }

    #[test]
    fn a_delivery_that_holds_the_watermark_for_two_seconds_is_overdue() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let first = change(&mut window, 0, at(10, 0), now);
        let later = now + Duration::from_secs(1);
        let second = change(&mut window, 1, at(20, 0), later);
        assert!(window.overdue(now + Duration::from_millis(1999)).is_empty());
        assert_eq!(window.next_overdue(), Some(now + LONGEST_HOLD));
        let overdue = window.overdue(now + LONGEST_HOLD);
        assert_eq!(overdue.len(), 1);
        assert_eq!(overdue[0].delivery.id, first.delivery.id);
        settle_at(&mut window, &first, later);
        assert_eq!(window.next_overdue(), Some(later + LONGEST_HOLD));
        settle(&mut window, &second);
        assert_eq!(window.next_overdue(), None);
    }

    #[test]
    fn a_long_queue_that_moves_is_not_overdue_before_it_is_old() {
        let (mut window, begin) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let jobs: Vec<_> =
            (0..9).map(|slot| change(&mut window, slot, at(slot + 1, 0), begin)).collect();
        for (second, job) in (1..).zip(&jobs[..8]) {
            let now = begin + Duration::from_secs(second);
            assert!(window.overdue(now).is_empty());
            settle_at(&mut window, job, now);
        }
        assert_eq!(window.next_overdue(), Some(begin + LONGEST_AGE));
        assert_eq!(window.overdue(begin + LONGEST_AGE).len(), 1);
    }

    #[test]
    fn time_in_which_the_log_could_not_be_written_counts_against_nobody() {
        let (mut window, begin) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let _held = change(&mut window, 0, at(10, 0), begin);
        let outage = Duration::from_secs(60);
        window.lose(outage);
        assert!(window.overdue(begin + outage).is_empty());
        assert_eq!(window.overdue(begin + outage + LONGEST_HOLD).len(), 1);
        assert_eq!(window.next_overdue(), Some(begin + outage + LONGEST_HOLD));
    }

    #[test]
    fn a_window_beyond_its_bound_gives_up_its_oldest_at_once() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        for slot in 0..MOST_SLOTS as u64 + 3 {
            change(&mut window, slot, at(slot + 1, 0), now);
        }
        let overdue = window.overdue(now);
        assert_eq!(overdue.len(), 3);
        assert_eq!(overdue[0].delivery.event.position, at(1, 0));
    }

    #[test]
    fn settling_twice_or_what_is_not_there_changes_nothing() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let first = change(&mut window, 0, at(10, 0), now);
        settle(&mut window, &first);
        settle(&mut window, &first);
        settle(&mut window, &job(7, at(70, 0)));
        assert_eq!(window.watermark(), at(10, 0));
    }

    #[test]
    fn the_replay_floor_covers_what_is_settled_beyond_the_watermark() {
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)), Instant::now());
        let _first = change(&mut window, 0, at(10, 0), now);
        let second = change(&mut window, 1, at(5, 0), now);
        settle(&mut window, &second);
        assert_eq!(window.earliest_commit(), Some(5), "a clock may have stepped back");
    }

    #[test]
    fn the_replay_floor_covers_what_a_former_process_settled_until_that_is_passed() {
        let former = Former { earliest: 7, until: Lsn(30) };
        let (mut window, now) = (Window::new(at(0, 0), Lsn(0)).behind(former), Instant::now());
        assert_eq!(window.earliest_commit(), Some(7));
        let job = change(&mut window, 0, at(10, 0), now);
        settle(&mut window, &job);
        commit(&mut window, 10, 11, now);
        assert_eq!(window.earliest_commit(), Some(7), "there may be more in between");
        commit(&mut window, 29, 30, now);
        assert_eq!(window.earliest_commit(), None);
    }
}
