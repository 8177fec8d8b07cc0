//! Handlers of stored events: each event's run is one transaction of PostgreSQL's that holds the
//! handlers' effects and the event's status, so a crash can neither lose nor double them.
//!
//! One session claims and keeps the books; a few others run handlers. Claims name the processor,
//! and the processor holds an advisory lock for as long as it lives, so that what a killed one
//! leaves behind is known at once. No order between events is promised.

mod book;
mod hand;
mod retry;
mod shift;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::config::dsn::Dsn;
use crate::config::inbound::{ErrorAlert, Source};
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::store::{StoreError, reconnect_backoff};
use shift::Processor;

/// What the processor needs.
#[derive(Clone, Debug)]
pub struct Processing {
    /// Where the events are.
    pub dsn: Dsn,
    /// Whose events are handled. Those of a source that left the configuration wait until it is
    /// back: without it nobody knows when to try again, and a slip of the file must not fail them.
    pub sources: watch::Receiver<Arc<[Arc<Source>]>>,
    /// When failed events raise an alert.
    pub errors: ErrorAlert,
    /// How long payload and raw bytes are kept.
    pub retention: Duration,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Rung when there is something to do.
    pub wake: Arc<Notify>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Runs at a time.
    pub runs: usize,
    /// One run.
    pub run: Duration,
    /// Runs under way, once told to stop.
    pub grace: Duration,
    /// From one look at the table to the next, if nothing happens in between.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // More would take a small server's cores from the application.
            runs: 4,
            run: Duration::from_secs(60),
            grace: Duration::from_secs(5),
            poll: Duration::from_secs(5),
        }
    }
}

/// The longest pause before PostgreSQL is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why the processor must begin anew.
#[derive(Debug, thiserror::Error)]
enum ShiftError {
    /// A statement failed, or there was no session to be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// PostgreSQL did not answer.
    #[error("PostgreSQL does not answer")]
    Silent,
}

impl ShiftError {
    fn without_data(&self) -> String {
        match self {
            Self::Store(error) => error.without_data(),
            Self::Silent => self.to_string(),
        }
    }
}

/// Runs handlers until told to stop. A database that is away is waited for without end.
pub async fn run(processing: Processing, shutdown: Shutdown) {
    run_within(processing, Limits::default(), shutdown).await;
}

/// The same with other limits.
pub async fn run_within(processing: Processing, limits: Limits, mut shutdown: Shutdown) {
    let mut processor = Processor::new(processing, limits);
    let mut backoff = reconnect_backoff();
    loop {
        let Err(error) = processor.shift(&mut shutdown).await else { return };
        if processor.has_worked() {
            backoff = reconnect_backoff();
        }
        let delay = backoff.next().unwrap_or(LONGEST_PAUSE);
        let error = error.without_data();
        tracing::warn!(error, ?delay, "inbound events are not handled; trying again");
        tokio::select! {
            () = sleep(delay) => {}
            () = shutdown.stopped() => return,
        }
    }
}
