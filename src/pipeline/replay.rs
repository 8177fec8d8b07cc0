//! What of the stream is a repetition: positions already routed, deliveries already settled.

use std::collections::HashSet;

use crate::event::DeliveryId;
use crate::lsn::{Lsn, Position};

/// Knows what not to send again.
#[derive(Debug)]
pub(super) struct Replay {
    /// Everything up to here was routed, by this process or before the checkpoint.
    routed: Position,
    /// Settled although beyond the checkpoint, by a former process.
    settled: HashSet<DeliveryId>,
    /// Beyond this the former process cannot have been.
    settled_until: Lsn,
    /// The last of what it left in the queue: until then something may come that goes before.
    queued_until: Position,
    /// Number of the next place in the ledger's window.
    next_slot: u64,
}

impl Replay {
    pub(super) fn new(
        watermark: Position,
        settled: Vec<(DeliveryId, Option<Position>)>,
        wal_end: Lsn,
    ) -> Self {
        // What lies beyond the WAL's end is of another history, and never comes.
        let queued = settled.iter().filter_map(|(_, position)| *position);
        let queued_until = queued.filter(|at| at.commit <= wal_end).max().unwrap_or_default();
        let settled = settled.into_iter().map(|(delivery, _)| delivery).collect();
        let settled_until = wal_end;
        Self { routed: watermark, settled, settled_until, queued_until, next_slot: 0 }
    }

    /// Whether nothing comes any more that goes before something in the queue.
    pub(super) fn is_over(&self) -> bool {
        self.routed >= self.queued_until
    }

    /// Whether the change at `position` is to be routed; if so it counts as routed.
    pub(super) fn is_new(&mut self, position: Position) -> bool {
        let is_new = position > self.routed;
        if is_new {
            self.routed = position;
            if position.commit > self.settled_until && !self.settled.is_empty() {
                self.settled = HashSet::new();
            }
        }
        is_new
    }

    /// Whether the end of a transaction, or a keepalive, moves the stream on.
    pub(super) fn passes(&mut self, position: Position) -> bool {
        let passes = position > self.routed;
        self.routed = self.routed.max(position);
        passes
    }

    /// Whether a former process settled this delivery.
    pub(super) fn is_settled(&self, delivery: DeliveryId) -> bool {
        !self.settled.is_empty() && self.settled.contains(&delivery)
    }

    /// The place in the window that the next passage with deliveries gets.
    pub(super) fn next_slot(&self) -> u64 {
        self.next_slot
    }

    /// That passage was made.
    pub(super) fn took_slot(&mut self) {
        self.next_slot += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(commit: u64, ordinal: u64) -> Position {
        Position { commit: Lsn(commit), ordinal }
    }

    #[test]
    fn a_replayed_transaction_goes_on_where_it_was_left() {
        let mut replay = Replay::new(at(5, 1), Vec::new(), Lsn(0));
        assert!(!replay.is_new(at(5, 0)) && !replay.is_new(at(5, 1)));
        assert!(replay.is_new(at(5, 2)));
        assert!(!replay.is_new(at(5, 2)), "after a reconnect the same again is old");
        assert!(replay.passes(at(5, u64::MAX)) && !replay.passes(at(5, u64::MAX)));
    }

    #[test]
    fn settled_deliveries_are_forgotten_beyond_the_old_end() {
        let id = DeliveryId(uuid::Uuid::from_u128(7));
        let mut replay = Replay::new(at(0, 0), vec![(id, None)], Lsn(10));
        replay.is_new(at(10, 0));
        assert!(replay.is_settled(id));
        replay.is_new(at(11, 0));
        assert!(!replay.is_settled(id));
    }

    #[test]
    fn a_replay_is_over_once_it_has_come_to_the_last_that_was_left_in_the_queue() {
        let id = DeliveryId(uuid::Uuid::nil());
        let queued = vec![(id, Some(at(7, 3))), (id, Some(at(6, 9))), (id, None)];
        let mut replay = Replay::new(at(5, 0), queued, Lsn(10));
        assert!(!replay.is_over());
        replay.is_new(at(7, 2));
        assert!(!replay.is_over());
        replay.is_new(at(7, 3));
        assert!(replay.is_over());
        let elsewhere = vec![(id, Some(at(11, 0)))];
        assert!(Replay::new(at(5, 0), elsewhere, Lsn(10)).is_over(), "it will never come");
    }
}
