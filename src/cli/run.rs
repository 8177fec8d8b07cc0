//! `walhook run`.

use super::failure::Failure;
use super::flags::Common;

/// Runs the daemon until it is told to stop.
pub(super) fn run(_common: &Common) -> Result<(), Failure> {
    Err(Failure::failed("this build has no daemon yet"))
}
