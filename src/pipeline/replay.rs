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
    /// Number of the next place in the ledger's window.
    next_slot: u64,
}

impl Replay {
    pub(super) fn new(watermark: Position, settled: HashSet<DeliveryId>, wal_end: Lsn) -> Self {
        Self { routed: watermark, settled, settled_until: wal_end, next_slot: 0 }
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
        let mut replay = Replay::new(at(5, 1), HashSet::new(), Lsn(0));
        assert!(!replay.is_new(at(5, 0)) && !replay.is_new(at(5, 1)));
        assert!(replay.is_new(at(5, 2)));
        assert!(!replay.is_new(at(5, 2)), "after a reconnect the same again is old");
        assert!(replay.passes(at(5, u64::MAX)) && !replay.passes(at(5, u64::MAX)));
    }

    #[test]
    fn settled_deliveries_are_forgotten_beyond_the_old_end() {
        let id = DeliveryId(uuid::Uuid::from_u128(7));
        let mut replay = Replay::new(at(0, 0), HashSet::from([id]), Lsn(10));
        replay.is_new(at(10, 0));
        assert!(replay.is_settled(id));
        replay.is_new(at(11, 0));
        assert!(!replay.is_settled(id));
    }
}
