//! An eye on batches that take long. A network may swallow a session without closing it, and the
//! walsender's silence does not tell while the reader waits for room: who is not read cannot be
//! heard. So the server is asked, in another session, whether it works at the batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::store::{Lines, chain};

/// Batches take milliseconds; one that takes this long waits for somebody's lock, or for a disk or
/// a network that operators should know of.
const LONG: Duration = Duration::from_secs(10);

/// What it takes to look.
pub(super) struct Eye {
    pub(super) lines: Lines,
    /// The server's process for the session.
    pub(super) backend: Arc<AtomicI32>,
    /// Whether the log takes rows; readyz asks.
    pub(super) writable: watch::Sender<bool>,
}

impl Eye {
    /// Waits for a batch. When it takes long, operators are told; when the server does not work
    /// at it, all sessions are cut, which ends it.
    pub(super) async fn on<T>(&self, batch: impl Future<Output = T>) -> T {
        let mut batch = std::pin::pin!(batch);
        tokio::select! {
            written = &mut batch => return written,
            () = tokio::time::sleep(LONG) => {}
        }
        tracing::warn!("the log has not taken a batch for {LONG:?}; waiting");
        self.writable.send_replace(false);
        loop {
            tokio::select! {
                written = &mut batch => return written,
                () = self.look() => {}
            }
            tokio::select! {
                written = &mut batch => return written,
                () = tokio::time::sleep(LONG) => {}
            }
        }
    }

    async fn look(&self) {
        let looked = self.lines.is_at_work(self.backend.load(Ordering::Relaxed));
        match tokio::time::timeout(LONG, looked).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                tracing::warn!("the server does not work at the batch; all sessions are made anew");
                self.lines.cut();
            }
            Ok(Err(error)) => tracing::debug!(error = %chain(&error), "nobody can be asked"),
            Err(_) => tracing::debug!("nobody answers"),
        }
    }
}
