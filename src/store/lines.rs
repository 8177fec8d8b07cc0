//! Sessions that are cut together.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
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

/// How a session stands at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The server does something for it.
    AtWork,
    /// The server has been waiting for its client since then.
    Waits(String),
    /// The server knows nothing of it.
    Gone,
}

impl From<Option<String>> for Standing {
    fn from(since: Option<String>) -> Self {
        since.map_or(Self::AtWork, Self::Waits)
    }
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

    /// How the session of the server's process `backend` stands there. Asked in a session of its
    /// own.
    ///
    /// # Errors
    ///
    /// As [`Lines::open`], and [`StoreError::Statement`].
    pub async fn standing(&self, backend: i32) -> Result<Standing, StoreError> {
        let session = self.open().await?;
        let row = session.row("look at a session", sql::standing, &[&backend]).await?;
        Ok(row.map_or(Standing::Gone, |row| row.get::<_, Option<String>>(0).into()))
    }

    /// Ends all sessions of now; whoever waits for an answer is told that there will be none.
    pub fn cut(&self) {
        if let Ok(mut open) = self.open.lock() {
            open.drain(..).for_each(|line| line.abort());
        }
    }
}
