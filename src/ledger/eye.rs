//! An eye on batches that take long. A network may swallow a session without closing it, and the
//! walsender's silence does not tell while the reader waits for room: who is not read cannot be
//! heard. So the server is asked, in another session, how the batch stands there: if it has been
//! waiting for us while we wait for it, the network is to blame.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::store::{Lines, Standing, chain};

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
    /// Waits for a batch. When it takes long, operators are told; when it has been swallowed, all
    /// sessions are cut, which ends it.
    pub(super) async fn on<T>(&self, batch: impl Future<Output = T>) -> T {
        let mut batch = std::pin::pin!(batch);
        tokio::select! {
            written = &mut batch => return written,
            () = tokio::time::sleep(LONG) => {}
        }
        tracing::warn!("the log has not taken a batch for {LONG:?}; waiting");
        self.writable.send_replace(false);
        let mut former = None;
        loop {
            let looked = async {
                let standing = self.look().await;
                if standing == Some(Standing::Gone) || (standing.is_some() && standing == former) {
                    tracing::warn!("a batch has been swallowed; all sessions are made anew");
                    self.lines.cut();
                }
                // On a machine that is merely slow it stands elsewhere next time.
                former = standing.filter(|standing| *standing != Standing::AtWork);
                tokio::time::sleep(LONG).await;
            };
            tokio::select! {
                written = &mut batch => return written,
                () = looked => {}
            }
        }
    }

    /// How the batch stands at the server, if that says so.
    async fn look(&self) -> Option<Standing> {
        let looked = self.lines.standing(self.backend.load(Ordering::Relaxed));
        match tokio::time::timeout(LONG, looked).await {
            Ok(Ok(standing)) => Some(standing),
            Ok(Err(error)) => {
                tracing::debug!(error = %chain(&error), "nobody can be asked how a batch stands");
                None
            }
            Err(_) => None,
        }
    }
}
