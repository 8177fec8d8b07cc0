//! Direct, spilled, closing: where a lane's deliveries are, and how parked ones are read back.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::Notify;

use crate::event::job::{Job, Receipt};
use crate::lsn::Position;

/// A page is fetched while fewer than this wait in memory, so that sending never waits for it.
const LOW_WATER: usize = 250;

/// Where fresh deliveries go.
#[derive(Debug)]
pub(super) enum Mode {
    /// Into memory. `cursor` is the last position that was ever read from the queue: earlier
    /// ready rows are settled or under way.
    Direct { cursor: Option<Position> },
    /// Into the queue, from where pages are read.
    Spilled { cursor: Option<Position>, receipt: Option<Arc<Receipt>>, retry_at: Option<Instant> },
    /// Into memory, behind what is still in the queue.
    Closing {
        cursor: Option<Position>,
        arrivals: VecDeque<Arc<Job>>,
        /// What was parked last; once it is committed an empty page means the end.
        parked: Weak<Receipt>,
        retry_at: Option<Instant>,
    },
}

/// After a start, whether pages may be read: what a former process had in memory comes from the
/// WAL once more, and goes before what it had parked behind it.
#[derive(Debug)]
pub(super) enum Replay {
    /// The reader has not come to the end of it.
    UnderWay,
    /// What came of it is on its way into the queue until this is gone.
    Parked(Weak<Receipt>),
}

impl Replay {
    pub(super) fn at_start(is_over: bool) -> Self {
        if is_over { Self::Parked(Weak::new()) } else { Self::UnderWay }
    }

    /// The reader has come to its end.
    pub(super) fn over_once_written(mode: &mut Mode) -> Self {
        match mode {
            Mode::Spilled { receipt, .. } => {
                Self::Parked(receipt.take().map_or(Weak::new(), |last| Arc::downgrade(&last)))
            }
            Mode::Direct { .. } | Mode::Closing { .. } => Self::Parked(Weak::new()),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Parked(last) if last.strong_count() == 0)
    }
}

impl Mode {
    pub(super) fn at_start(has_backlog: bool) -> Self {
        if has_backlog {
            Self::Spilled { cursor: None, receipt: None, retry_at: None }
        } else {
            Self::Direct { cursor: None }
        }
    }

    pub(super) fn is_direct(&self) -> bool {
        matches!(self, Self::Direct { .. })
    }

    pub(super) fn is_spilled(&self) -> bool {
        matches!(self, Self::Spilled { .. })
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Self::Closing { .. })
    }

    fn cursor(&self) -> Option<Position> {
        match self {
            Self::Direct { cursor }
            | Self::Spilled { cursor, .. }
            | Self::Closing { cursor, .. } => *cursor,
        }
    }

    /// A receipt for one parked row.
    pub(super) fn receipt(&mut self, parked_all: &Arc<Notify>) -> Option<Arc<Receipt>> {
        match self {
            Self::Spilled { receipt, .. } => Some(Arc::clone(
                receipt.get_or_insert_with(|| Arc::new(Receipt(Arc::clone(parked_all)))),
            )),
            Self::Direct { .. } | Self::Closing { .. } => None,
        }
    }

    /// Becomes spilled; returns what is to be parked, and whether it was direct.
    ///
    /// Rows read from the queue and not sent yet are dropped from `ready`, and the cursor goes
    /// back before the first of them: they are still in the queue.
    pub(super) fn spill(&mut self, ready: &mut VecDeque<Arc<Job>>) -> (Vec<Arc<Job>>, bool) {
        let was_direct = self.is_direct();
        let (parked, mut fresh): (Vec<_>, Vec<_>) =
            ready.drain(..).partition(|job| job.slot.is_none());
        let mut cursor = self.cursor();
        if let Some(first) = parked.first() {
            cursor = before(first.delivery.event.position);
        }
        let receipt = match self {
            // What was parked before may not be committed yet: an empty page means nothing then.
            Self::Closing { arrivals, parked, .. } => {
                fresh.extend(arrivals.drain(..));
                parked.upgrade()
            }
            Self::Spilled { receipt, .. } => receipt.take(),
            Self::Direct { .. } => None,
        };
        *self = Self::Spilled { cursor, receipt, retry_at: None };
        (fresh, was_direct)
    }

    /// Closing did not end before memory was full again.
    pub(super) fn reopen(&mut self) -> Vec<Arc<Job>> {
        let Self::Closing { cursor, arrivals, .. } = self else { return Vec::new() };
        if arrivals.is_empty() {
            return Vec::new();
        }
        let jobs = arrivals.drain(..).collect();
        *self = Self::Spilled { cursor: *cursor, receipt: None, retry_at: None };
        jobs
    }

    /// From where to read the next page, if one is wanted now.
    pub(super) fn wants_page(&self, waiting: usize, now: Instant) -> Option<Option<Position>> {
        let is_time = |at: &Option<Instant>| at.is_none_or(|at| at <= now);
        match self {
            Self::Spilled { cursor, retry_at, .. } if waiting < LOW_WATER && is_time(retry_at) => {
                Some(*cursor)
            }
            Self::Closing { cursor, retry_at, parked, .. }
                if waiting < LOW_WATER && is_time(retry_at) && parked.strong_count() == 0 =>
            {
                Some(*cursor)
            }
            _ => None,
        }
    }

    /// A page was read. Returns what arrived meanwhile, once the queue is empty and memory is
    /// the way again.
    pub(super) fn take_page(&mut self, page: &[Arc<Job>]) -> VecDeque<Arc<Job>> {
        let last = page.last().map(|job| job.delivery.event.position);
        match self {
            Self::Spilled { cursor, receipt, .. } => {
                *cursor = last.or(*cursor);
                if page.is_empty() {
                    // Nothing committed is left; what is on its way there holds the receipt.
                    let parked = receipt.take().map_or(Weak::new(), |last| Arc::downgrade(&last));
                    let (cursor, arrivals) = (*cursor, VecDeque::new());
                    *self = Self::Closing { cursor, arrivals, parked, retry_at: None };
                }
                VecDeque::new()
            }
            // Read only once everything parked was committed.
            Self::Closing { cursor, arrivals, .. } => {
                *cursor = last.or(*cursor);
                if !page.is_empty() {
                    return VecDeque::new();
                }
                let arrivals = std::mem::take(arrivals);
                *self = Self::Direct { cursor: *cursor };
                arrivals
            }
            Self::Direct { cursor } => {
                *cursor = last.or(*cursor);
                VecDeque::new()
            }
        }
    }

    pub(super) fn page_failed(&mut self, again: Instant) {
        match self {
            Self::Spilled { retry_at, .. } | Self::Closing { retry_at, .. } => {
                *retry_at = Some(again);
            }
            Self::Direct { .. } => {}
        }
    }

    pub(super) fn retry_page_at(&self) -> Option<Instant> {
        match self {
            Self::Spilled { retry_at, .. } | Self::Closing { retry_at, .. } => *retry_at,
            Self::Direct { .. } => None,
        }
    }
}

/// The position just before `position`, as a cursor.
fn before(position: Position) -> Option<Position> {
    match position.ordinal.checked_sub(1) {
        Some(ordinal) => Some(Position { ordinal, ..position }),
        None => position
            .commit
            .0
            .checked_sub(1)
            .map(|commit| Position { commit: crate::lsn::Lsn(commit), ordinal: u64::MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_spills_anew_still_waits_for_what_it_parked_before() {
        let parked_all = Arc::new(Notify::new());
        let mut mode = Mode::at_start(true);
        let on_its_way = mode.receipt(&parked_all).unwrap();
        assert!(mode.take_page(&[]).is_empty() && mode.is_closing());
        mode.spill(&mut VecDeque::new());
        assert!(mode.take_page(&[]).is_empty() && mode.is_closing());
        assert_eq!(mode.wants_page(0, Instant::now()), None, "it is not committed yet");
        drop(on_its_way);
        assert_eq!(mode.wants_page(0, Instant::now()), Some(None));
        mode.take_page(&[]);
        assert!(mode.is_direct());
    }
}
