//! `walhook run`.

use std::error::Error;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::failure::Failure;
use super::flags::Common;
use crate::config::{Config, Environment, Faults};
use crate::shutdown::{self, Shutdown};

/// A daemon that is to be run.
#[derive(Debug)]
pub struct StartDaemon {
    common: Common,
    config: Config,
}

/// Reads the configuration.
pub(super) fn read(common: Common) -> Result<StartDaemon, Failure> {
    let config = load(&common)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(StartDaemon { common, config })
}

impl StartDaemon {
    /// Runs `daemon` until SIGTERM or Ctrl-C. At SIGHUP the file is read again; a broken one
    /// changes nothing.
    ///
    /// # Errors
    /// When the daemon ended for want of something that only an operator can give.
    pub fn run<D, F, E>(self, daemon: D) -> Result<(), Failure>
    where
        D: FnOnce(Config, mpsc::Receiver<Config>, Shutdown) -> F,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        super::block_on(async {
            let (trigger, shutdown) = shutdown::channel();
            let (reload, reloads) = mpsc::channel(1);
            let mut stop = std::pin::pin!(stop_signal().map_err(Failure::failed)?);
            let mut hangup = signal(SignalKind::hangup()).map_err(Failure::failed)?;
            // A task, so that the reader runs on the workers like everybody that it talks to:
            // this thread would have to be woken for each message.
            let mut daemon = tokio::spawn(daemon(self.config, reloads, shutdown));
            loop {
                tokio::select! {
                    ended = &mut daemon => return ended_well(ended),
                    () = &mut stop => {
                        tracing::info!("stopping: requests under way may finish, the rest is parked");
                        trigger.stop();
                        return ended_well(daemon.await);
                    }
                    _ = hangup.recv() => reread(&self.common, &reload),
                }
            }
        })
    }
}

fn ended_well<E>(ended: Result<Result<(), E>, JoinError>) -> Result<(), Failure>
where
    E: Error + Send + Sync + 'static,
{
    ended.map_err(Failure::failed)?.map_err(Failure::failed)
}

fn reread(common: &Common, reload: &mpsc::Sender<Config>) {
    match load_file(common) {
        // A full channel holds a configuration that is about to be taken up; the next signal
        // brings this one.
        Ok(config) => match reload.try_send(config) {
            Ok(()) => tracing::info!("the configuration was read again"),
            Err(_) => tracing::warn!("still busy with the former reload; send SIGHUP again"),
        },
        Err(faults) => {
            tracing::error!("the configuration has faults and changes nothing:\n{faults}");
        }
    }
}

/// The configuration as the common flags name it.
pub(super) fn load(common: &Common) -> Result<Config, Failure> {
    load_file(common)
        .map_err(|faults| Failure::configuration("the configuration has faults", faults))
}

fn load_file(common: &Common) -> Result<Config, Faults> {
    Config::load(Some(&common.config), &Environment::of_process())
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
