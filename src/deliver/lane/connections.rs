//! A lane's connections: in use, and kept open for the next request.
//!
//! One is every lane's own, however many hang elsewhere; further ones need leave of a pool that
//! all lanes share, and keep it while they are idle: what is open takes memory and a file
//! descriptor, whether it is used or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::deliver::connection::{Connection, LONGEST_REST};

/// While others want connections, further ones are kept this long without a request. Longer than
/// the pauses of a lane that is busy, and short for one that waits.
const REST_IN_DEMAND: Duration = Duration::from_secs(1);

/// Leave to have a connection open.
#[derive(Debug)]
pub(super) enum Leave {
    /// The lane's own.
    Own,
    /// One of the pool.
    Shared {
        /// Returned when dropped.
        _permit: OwnedSemaphorePermit,
    },
}

/// The connections of one lane.
pub(super) struct Connections {
    pool: Arc<Semaphore>,
    own_is_free: bool,
    /// The longest idle first.
    idle: Vec<(Connection, Leave)>,
    /// When they were last looked through.
    trimmed_at: Option<Instant>,
}

impl Connections {
    pub(super) fn new(pool: Arc<Semaphore>) -> Self {
        Self { pool, own_is_free: true, idle: Vec::new(), trimmed_at: None }
    }

    /// An idle connection, or leave to open one; `None`: later, when one is free.
    pub(super) fn take(&mut self) -> Option<(Option<Connection>, Leave)> {
        if let Some((connection, leave)) = self.idle.pop() {
            return Some((Some(connection), leave));
        }
        if std::mem::take(&mut self.own_is_free) {
            return Some((None, Leave::Own));
        }
        let permit = Arc::clone(&self.pool).try_acquire_owned().ok()?;
        Some((None, Leave::Shared { _permit: permit }))
    }

    /// After an attempt: the connection, if it can be used again.
    pub(super) fn put(&mut self, connection: Option<Connection>, leave: Leave) {
        match connection {
            Some(connection) => self.idle.push((connection, leave)),
            None => self.own_is_free |= matches!(leave, Leave::Own),
        }
    }

    /// Closes what is idle: it leads to where the endpoint was.
    pub(super) fn forget_idle(&mut self) {
        self.own_is_free |= self.idle.drain(..).any(|(_, leave)| matches!(leave, Leave::Own));
    }

    /// Every attempt was given up: nothing is in use.
    pub(super) fn forget_used(&mut self) {
        self.own_is_free = !self.idle.iter().any(|(_, leave)| matches!(leave, Leave::Own));
    }

    /// Closes what has been idle for too long.
    pub(super) fn trim(&mut self, now: Instant) {
        if self.next_trim().is_none_or(|at| at > now) {
            return;
        }
        self.trimmed_at = Some(now);
        let in_demand = self.pool.available_permits() == 0;
        let own_is_free = &mut self.own_is_free;
        self.idle.retain(|(connection, leave)| {
            let rested = now.saturating_duration_since(connection.idle_since());
            let is_own = matches!(leave, Leave::Own);
            let keeps = rested < LONGEST_REST && (is_own || !in_demand || rested < REST_IN_DEMAND);
            *own_is_free |= is_own && !keeps;
            keeps
        });
    }

    /// When [`Connections::trim`] is to look again. Nobody tells a lane that others are in want,
    /// so one with further connections looks for itself.
    pub(super) fn next_trim(&self) -> Option<Instant> {
        let (oldest, _) = self.idle.first()?;
        if self.idle.len() == 1 {
            return Some(oldest.idle_since() + LONGEST_REST);
        }
        Some(
            self.trimmed_at.unwrap_or(oldest.idle_since()).max(oldest.idle_since())
                + REST_IN_DEMAND,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_always_has_a_connection_of_its_own_and_further_ones_while_the_pool_has_some() {
        let pool = Arc::new(Semaphore::new(1));
        let [mut one, mut other] = [(); 2].map(|()| Connections::new(Arc::clone(&pool)));
        let leaves: Vec<Leave> =
            std::iter::from_fn(|| one.take()).map(|(_, leave)| leave).collect();
        assert!(matches!(leaves[..], [Leave::Own, Leave::Shared { .. }]));
        let (_, leave) = other.take().unwrap();
        assert!(matches!(leave, Leave::Own));
        assert!(other.take().is_none());
        for leave in leaves {
            one.put(None, leave);
        }
        let kept = [other.take(), one.take()];
        assert!(kept.iter().all(Option::is_some), "what is closed is free, its own for itself");
        assert!(one.take().is_none());
    }
}
