//! A session that several tasks share, made anew when it breaks.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Lines, Session, StoreError};

/// Hands out one session to everybody who needs no transaction of their own.
#[derive(Debug)]
pub struct SharedSession {
    lines: Lines,
    current: Mutex<Option<Arc<Session>>>,
}

impl SharedSession {
    /// Connects when first asked.
    pub fn new(lines: Lines) -> Self {
        Self { lines, current: Mutex::default() }
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
        let session = Arc::new(self.lines.open().await?);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }
}
