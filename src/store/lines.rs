//! Sessions that are cut together.

use tokio::sync::watch;

use super::{Session, StoreError};
use crate::config::dsn::Dsn;

/// Opens sessions with one database, and cuts those that it has opened: when the network has
/// swallowed one connection, nobody tells the others, and their answers never come.
#[derive(Clone, Debug)]
pub struct Lines {
    dsn: Dsn,
    cut: watch::Sender<()>,
}

impl Lines {
    /// None is open yet.
    pub fn new(dsn: Dsn) -> Self {
        Self { dsn, cut: watch::Sender::new(()) }
    }

    /// A session for work on the queue; it ends when dropped or cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Connect`] and [`StoreError::Silent`].
    pub async fn open(&self) -> Result<Session, StoreError> {
        Session::connect_to_queue(&self.dsn, Some(self.cut.subscribe())).await
    }

    /// Ends all sessions of now; whoever waits for an answer is told that there will be none.
    pub fn cut(&self) {
        self.cut.send_replace(());
    }
}
