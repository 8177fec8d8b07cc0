//! `walhook status`.

use clap::Args;

use super::failure::Failure;
use super::flags::Common;

/// Flags of `walhook status`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// One JSON object in place of the summary
    #[arg(long)]
    json: bool,
}

/// Prints how the slot and each endpoint are doing.
pub(super) fn run(_common: &Common, flags: &Flags) -> Result<(), Failure> {
    let form = if flags.json { "as JSON" } else { "as text" };
    Err(Failure::failed(format!("this build has no status to show {form} yet")))
}
