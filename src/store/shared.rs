//! A session that several tasks share, made anew when it breaks.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

use super::{Lines, Session, StoreError};

/// Hands out one session to everybody who needs no transaction of their own.
#[derive(Debug)]
pub struct SharedSession {
    lines: Lines,
    current: Mutex<Option<Arc<Session>>>,
    /// Told of what is asked for in SQL.
    news: Option<Arc<Notify>>,
}

impl SharedSession {
    /// Connects when first asked.
    pub fn new(lines: Lines) -> Self {
        Self { lines, current: Mutex::default(), news: None }
    }

    /// One that also listens; see [`SharedSession::news`].
    pub fn listening(lines: Lines) -> Self {
        Self { lines, current: Mutex::default(), news: Some(Arc::default()) }
    }

    /// Waits until somebody asks for something in SQL, or may have done so unheard.
    pub async fn news(&self) {
        match &self.news {
            Some(news) => news.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The session; a new one if the former broke.
    ///
    /// # Errors
    ///
    /// As [`Lines::open`].
    pub async fn get(&self) -> Result<Arc<Session>, StoreError> {
        // Held over the connect on purpose: one attempt at a time, and the others share it.
        let mut current = self.current.lock().await;
        if let Some(session) = current.as_ref().filter(|session| !session.is_closed()) {
            return Ok(Arc::clone(session));
        }
        let session = match &self.news {
            Some(news) => {
                let session = self.lines.open_to_listen(Arc::clone(news)).await?;
                // Nobody heard what was said before.
                news.notify_one();
                session
            }
            None => self.lines.open().await?,
        };
        let session = Arc::new(session);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }
}
