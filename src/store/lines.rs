//! Sessions that are cut together.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Session, StoreError};
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
        Ok(self.keep(Session::connect_to_queue(&self.dsn).await?))
    }

    /// The same, which lets `news` know whenever somebody asks for something in SQL.
    pub(super) async fn open_to_listen(&self, news: Arc<Notify>) -> Result<Session, StoreError> {
        Ok(self.keep(Session::listen_to_queue(&self.dsn, news).await?))
    }

    fn keep(&self, session: Session) -> Session {
        if let Ok(mut open) = self.open.lock() {
            open.retain(|line| !line.is_finished());
            open.push(session.line());
        }
        session
    }

    /// Ends all sessions of now; whoever waits for an answer is told that there will be none.
    pub fn cut(&self) {
        if let Ok(mut open) = self.open.lock() {
            open.drain(..).for_each(|line| line.abort());
        }
    }
}
