//! Answers to `walhook.preview`, and how its questions come through.

use uuid::Uuid;

use super::{Session, StoreError, sql};
use crate::endpoint::EndpointId;

/// What would be sent of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previewed {
    /// Kind of change, as in `created`.
    pub event: &'static str,
    /// Its type.
    pub event_type: String,
    /// `sent`, `held` or `fails`.
    pub verdict: &'static str,
    /// The body, where there is one.
    pub payload: Option<Vec<u8>>,
    /// Why there is none, or what is odd about it.
    pub reason: Option<String>,
}

impl Session {
    /// Answers the question `asked` about `endpoint`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn answer_preview(
        &self,
        asked: Uuid,
        endpoint: EndpointId,
        events: &[Previewed],
    ) -> Result<(), StoreError> {
        let kinds: Vec<&str> = events.iter().map(|event| event.event).collect();
        let types: Vec<&str> = events.iter().map(|event| &*event.event_type).collect();
        let verdicts: Vec<&str> = events.iter().map(|event| event.verdict).collect();
        let payloads: Vec<Option<&[u8]>> =
            events.iter().map(|event| event.payload.as_deref()).collect();
        let reasons: Vec<Option<&str>> =
            events.iter().map(|event| event.reason.as_deref()).collect();
        self.rows(
            "answer a preview",
            sql::answer_preview,
            &[&asked, &endpoint.0, &kinds, &types, &verdicts, &payloads, &reasons],
        )
        .await?;
        Ok(())
    }

    /// A number that differs after every question.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn preview_bell(&self) -> Result<i64, StoreError> {
        Ok(self.one("look for previews", sql::preview_bell, &[]).await?.get(0))
    }

    /// Lets everything written so far be read from the WAL, part of a transaction or not.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn flush_wal(&self) -> Result<(), StoreError> {
        self.rows("flush the WAL", sql::flush_wal, &[]).await?;
        Ok(())
    }
}
