//! `walhook demo`.

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::flags;
use super::run::stop_signal;
use crate::demo::{self, Options};

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

/// Runs the demo until Ctrl-C or as long as the flags say; fails unless every expected delivery
/// arrived and verified.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let options = Options { exit_after: flags.exit_after, events: flags.events };
    super::block_on(async {
        let stop = stop_signal().map_err(Failure::failed)?;
        let told = demo::run(options, anstream::stdout(), stop).await;
        told.map(|_| ()).map_err(Failure::failed)
    })
}
