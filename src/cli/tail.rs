//! `walhook tail`.

use clap::Args;

use super::failure::Failure;
use super::flags::Common;

/// Flags of `walhook tail`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Only deliveries to this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Only events of this type, or of types that match this pattern
    #[arg(long = "type", value_name = "PATTERN")]
    event_type: Option<String>,
}

/// Follows deliveries until Ctrl-C.
pub(super) fn run(_common: &Common, _flags: &Flags) -> Result<(), Failure> {
    Err(Failure::failed("this build cannot follow deliveries yet"))
}
