//! `walhook run`.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::flags::Common;
use crate::config::{Config, Environment};
use crate::{daemon, shutdown};

/// Runs the daemon until it is told to stop.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let config = load(common)?;
    super::block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        let stop = stop_signal().map_err(Failure::failed)?;
        let mut daemon = std::pin::pin!(daemon::run(&config, shutdown));
        tokio::select! {
            ended = &mut daemon => ended.map_err(Failure::failed),
            () = stop => {
                tracing::info!("stopping: requests under way may finish, the rest is parked");
                trigger.stop();
                daemon.await.map_err(Failure::failed)
            }
        }
    })
}

/// The configuration as the common flags name it.
pub(super) fn load(common: &Common) -> Result<Config, Failure> {
    Config::load(Some(&common.config), &Environment::of_process())
        .map_err(|faults| Failure::configuration("the configuration has faults", faults))
}

/// Returns at the first SIGTERM or Ctrl-C after the call.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
