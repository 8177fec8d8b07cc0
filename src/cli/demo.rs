//! `walhook demo`.

use std::error::Error;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::flags;
use super::run::stop_signal;

/// Flags of `walhook demo`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// End by itself after this time
    #[arg(long, value_name = "DURATION", value_parser = flags::duration)]
    exit_after: Option<Duration>,
    /// End by itself after this many row changes
    #[arg(long, value_name = "N")]
    events: Option<u64>,
}

/// A demo that is to be run.
#[derive(Clone, Copy, Debug)]
pub struct StartDemo {
    /// Ends by itself after this time.
    pub exit_after: Option<Duration>,
    /// Ends by itself after this many row changes.
    pub events: Option<u64>,
}

impl From<Flags> for StartDemo {
    fn from(flags: Flags) -> Self {
        Self { exit_after: flags.exit_after, events: flags.events }
    }
}

impl StartDemo {
    /// Runs `demo` until it ends; the future that it gets is ready at Ctrl-C.
    ///
    /// # Errors
    /// When the demo fails: not every expected delivery arrived and verified.
    pub fn run<D, F, T, E>(self, demo: D) -> Result<(), Failure>
    where
        D: FnOnce(Self, std::pin::Pin<Box<dyn Future<Output = ()>>>) -> F,
        F: Future<Output = Result<T, E>>,
        E: Error + Send + Sync + 'static,
    {
        super::block_on(async {
            let stop = stop_signal().map_err(Failure::failed)?;
            demo(self, Box::pin(stop)).await.map(|_| ()).map_err(Failure::failed)
        })
        .or_else(Failure::unless_nobody_reads)
    }
}
