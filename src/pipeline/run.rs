//! A pipeline at work: reading, reconnecting, draining.

mod reconfigure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::roster::Roster;
use super::setup::{Claim, Left, Setup, TakeoverError};
use super::{Pause, ReadError, Reader, gap};
use crate::config::Row;
use crate::deliver::lane::{self, ToLane};
use crate::event::gate::Gate;
use crate::replication::{ReplicationError, Stream, System};
use crate::shutdown::Shutdown;
use crate::store::{Lines, Session, StoreError, chain, reconnect_backoff};
use reconfigure::Followed;

/// How long the last batch of the log may take at a stop, beyond the grace for requests.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The holder of the slot: reader, lanes and ledger together. Dropping it drops its tasks.
pub struct Pipeline {
    pub(super) setup: Setup,
    /// The server when the slot was taken.
    pub(super) system: System,
    pub(super) reader: Reader,
    /// Taken when the work begins.
    pub(super) stream: Option<Stream>,
    pub(super) claim: Claim,
    /// All sessions of its parts.
    pub(super) lines: Lines,
    pub(super) gate: Arc<Gate>,
    pub(super) roster: Roster,
    /// SQL's declarations that are followed.
    pub(super) rows: Vec<Row>,
    /// Answers what would be sent. One task, as below.
    pub(super) previewer: JoinSet<()>,
    /// One task; a set, so that dropping it ends it.
    pub(super) ledger: JoinSet<Result<(), StoreError>>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("slot", &self.setup.slot).finish_non_exhaustive()
    }
}

/// Why a pipeline ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The stream cannot be followed.
    #[error(transparent)]
    Read(ReadError),
    /// The slot could not be taken again.
    #[error(transparent)]
    Takeover(#[from] TakeoverError),
    /// Another daemon took the slot meanwhile.
    #[error("another daemon took the slot")]
    Fenced,
    /// The configuration changed in a way that no lane can follow.
    #[error("the configuration changed; starting over with it")]
    Reconfigured,
    /// The log cannot be written, and not for want of a connection.
    #[error("cannot write the log")]
    Ledger(#[source] StoreError),
}

impl Pipeline {
    /// Works until told to stop, then drains: requests under way get the grace, the rest is
    /// parked, the log is written, the LSN confirmed.
    ///
    /// # Errors
    ///
    /// [`RunError`]; then nothing is drained, and what was in flight comes again.
    pub async fn run(mut self, mut shutdown: Shutdown) -> Result<(), RunError> {
        let mut stream = self.stream.take().expect("a pipeline is run once");
        loop {
            self.set_streaming(true);
            let read = tokio::select! {
                read = self.reader.read(&mut stream, &mut shutdown) => read,
                ended = self.ledger.join_next() => {
                    self.set_streaming(false);
                    return Err(ledger_ended(ended));
                }
            };
            self.set_streaming(false);
            match read {
                Ok(Pause::Stopped) => return self.drain(Some(stream)).await,
                Ok(Pause::Reconfigure) => match self.reconfigure(&mut stream, &mut shutdown).await?
                {
                    Followed::Live => {}
                    Followed::Stopped => return self.drain(Some(stream)).await,
                    Followed::StartOver => {
                        self.drain(Some(stream)).await?;
                        return Err(RunError::Reconfigured);
                    }
                },
                Err(ReadError::Replication(error)) if error.is_transient() => {
                    tracing::warn!(error = %chain(&error), "replication broke; reconnecting");
                    self.gate.set_slot_held(false);
                    if matches!(error, ReplicationError::Timeout { .. }) {
                        // What swallowed this connection has swallowed the others.
                        self.lines.cut();
                    }
                    // Closed before anything else: a server that shuts down waits for it.
                    drop(stream);
                    match self.reacquire(&mut shutdown).await? {
                        Some(again) => {
                            self.reader.restart();
                            stream = again;
                        }
                        None => return self.drain(None).await,
                    }
                    self.gate.set_slot_held(true);
                }
                Err(ReadError::LedgerEnded) => {
                    return Err(ledger_ended(self.ledger.join_next().await));
                }
                Err(error) => {
                    self.tell_of(&error).await;
                    return Err(RunError::Read(error));
                }
            }
        }
    }

    /// What only an operator can mend is an alert.
    async fn tell_of(&self, error: &ReadError) {
        let ReadError::Replication(error @ ReplicationError::PublicationMissing { .. }) = error
        else {
            return;
        };
        let told = async {
            let session = Session::connect(&self.setup.dsn).await?;
            gap::report_publication(&session, &self.setup, error).await
        };
        if let Err(error) = told.await {
            tracing::warn!(error = %chain(&error), "no alert of it can be raised");
        }
    }

    fn set_streaming(&self, streams: bool) {
        self.setup.status.streaming.send_replace(streams);
        self.setup.metrics.streaming.set(i64::from(streams));
    }

    /// Takes the slot again; `None` if told to stop meanwhile. If somebody else held it in
    /// between, what this process has in memory is theirs.
    async fn reacquire(&mut self, shutdown: &mut Shutdown) -> Result<Option<Stream>, RunError> {
        let mut backoff = reconnect_backoff();
        loop {
            let left = Left {
                system_identifier: self.system.system_identifier,
                timeline: self.system.timeline,
                confirmed: *self.reader.confirmed.borrow(),
            };
            let acquired = tokio::select! {
                acquired = self.setup.acquire(&self.claim, Some(left)) => acquired,
                ended = self.ledger.join_next() => return Err(ledger_ended(ended)),
                () = shutdown.stopped() => return Ok(None),
            };
            match acquired {
                Ok(taken) if !taken.is_ours_still => return Err(RunError::Fenced),
                Ok(taken) => {
                    tracing::info!("replication streams again");
                    return Ok(Some(taken.stream));
                }
                Err(TakeoverError::Store(StoreError::Fenced)) => return Err(RunError::Fenced),
                Err(error) if error.is_transient() => {
                    let delay = backoff.next().unwrap_or(Duration::from_secs(5));
                    tracing::warn!(error = %chain(&error), ?delay, "cannot reconnect yet");
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        ended = self.ledger.join_next() => return Err(ledger_ended(ended)),
                        () = shutdown.stopped() => return Ok(None),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn drain(mut self, mut stream: Option<Stream>) -> Result<(), RunError> {
        let grace = self.setup.shutdown_grace;
        let deadline = Instant::now() + grace;
        self.roster.stop_watching();
        self.previewer.abort_all();
        for lane in self.reader.lanes.iter() {
            // A lane that is gone has nothing to drain.
            let _ = lane.sender.send(ToLane::Stop(deadline));
        }
        let Self { reader, gate, roster, mut ledger, .. } = self;
        let confirmed = reader.confirmed.clone();
        let drained = async {
            roster.ended().await;
            lane::flush(&reader.ledger, &gate).await;
            // The last sender of entries: the ledger ends when it is gone.
            drop(reader);
            ledger.join_next().await
        };
        let mut drained = std::pin::pin!(tokio::time::timeout(grace + LAST_WORDS, drained));
        let ended = tokio::select! {
            ended = &mut drained => ended,
            // Without the walsender nothing can be confirmed, but the log can be written.
            error = idle(&mut stream) => {
                tracing::warn!(error = %chain(&error), "replication broke while stopping");
                stream = None;
                drained.await
            }
        };
        match ended {
            Ok(Some(Ok(Ok(())))) => {}
            Ok(ended) => return Err(ledger_ended(ended)),
            Err(_) => {
                tracing::warn!(
                    "the log could not be written in time; what is not in it comes again"
                );
            }
        }
        let Some(mut stream) = stream else { return Ok(()) };
        stream.confirm(*confirmed.borrow());
        if let Err(error) = stream.stop().await {
            tracing::warn!(error = %chain(&error), "replication did not end cleanly");
        }
        Ok(())
    }
}

/// Keeps the walsender content, if there is one, until it goes away.
async fn idle(stream: &mut Option<Stream>) -> ReplicationError {
    match stream {
        Some(stream) => stream.idle().await,
        None => std::future::pending().await,
    }
}

type Ended = Option<Result<Result<(), StoreError>, tokio::task::JoinError>>;

fn ledger_ended(ended: Ended) -> RunError {
    match ended {
        Some(Ok(Err(StoreError::Fenced))) => RunError::Fenced,
        Some(Ok(Err(error))) => RunError::Ledger(error),
        Some(Ok(Ok(()))) | Some(Err(_)) | None => RunError::Read(ReadError::LedgerEnded),
    }
}

impl ReadError {
    /// Whether trying again may help without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Replication(error) => error.is_transient(),
            Self::Catalog(_) | Self::LedgerEnded => true,
            Self::Store(error) => error.is_transient(),
            Self::Decode(_) | Self::Capture(_) => false,
        }
    }
}
