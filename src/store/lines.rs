//! Sessions that are cut together.

use std::sync::{Arc, Mutex};

use tokio::task::AbortHandle;

use super::{Session, StoreError, sql};
use crate::config::dsn::Dsn;

/// Opens sessions with one database, and cuts those that it has opened: when the network has
/// swallowed one connection, nobody tells the others, and their answers never come.
#[derive(Clone, Debug)]
pub struct Lines {
    dsn: Dsn,
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Lines {
    /// None is open yet.
    pub fn new(dsn: Dsn) -> Self {
        Self { dsn, open: Arc::default() }
    }

    /// A session for work on the queue; it ends when dropped or cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Connect`] and [`StoreError::Silent`].
    pub async fn open(&self) -> Result<Session, StoreError> {
        let session = Session::connect_to_queue(&self.dsn).await?;
        if let Ok(mut open) = self.open.lock() {
            open.retain(|line| !line.is_finished());
            open.push(session.line());
        }
        Ok(session)
    }

    /// Whether the server does something for the session of its process `backend`, and does not
    /// wait for it to speak. Asked in a session of its own.
    ///
    /// # Errors
    ///
    /// As [`Lines::open`], and [`StoreError::Statement`].
    pub async fn is_at_work(&self, backend: i32) -> Result<bool, StoreError> {
        let session = self.open().await?;
        let row = session.one("look at a session", sql::is_at_work, &[&backend]).await?;
        Ok(row.get(0))
    }

    /// Ends all sessions of now; whoever waits for an answer is told that there will be none.
    pub fn cut(&self) {
        if let Ok(mut open) = self.open.lock() {
            open.drain(..).for_each(|line| line.abort());
        }
    }
}
