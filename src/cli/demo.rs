//! `walhook demo`.

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::flags;

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

/// Runs the demo until Ctrl-C or as long as the flags say.
pub(super) fn run(_flags: &Flags) -> Result<(), Failure> {
    Err(Failure::failed("this build has no demo yet"))
}
