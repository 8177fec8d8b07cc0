//! `walhook init`.

use clap::Args;

use super::failure::Failure;
use super::flags::Common;

/// Flags of `walhook init`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Print the SQL and run nothing
    #[arg(long)]
    print: bool,
}

/// Installs the schema, the publication and the slot, or prints how.
pub(super) fn run(_common: &Common, flags: &Flags) -> Result<(), Failure> {
    let what = if flags.print { "print its SQL" } else { "install anything" };
    Err(Failure::failed(format!("this build cannot {what} yet")))
}
