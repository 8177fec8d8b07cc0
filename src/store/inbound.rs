//! Inbound events: stored once, handled once.
//!
//! A writer's session inserts; one session of the processor claims and keeps the books; others
//! run handlers.

use std::sync::Arc;

use bytes::Bytes;

/// One request's events, on their way into the table.
#[derive(Clone, Debug)]
pub struct InboundRequest {
    /// The source.
    pub source: Arc<str>,
    /// A value that may be used once.
    pub replay: Option<String>,
    /// Hex SHA-256 of the whole body.
    pub body_sha256: Arc<str>,
    /// Kept headers, a JSON object.
    pub headers: Arc<str>,
    /// Whether a mapping takes events of a type: decided where globs are matched.
    pub events: Vec<InboundEvent>,
}

/// One event.
#[derive(Clone, Debug)]
pub struct InboundEvent {
    /// Unique in its source.
    pub event_id: String,
    /// Its type, where there is one.
    pub event_type: Option<String>,
    /// JSON text, or none.
    pub payload: Option<String>,
    /// Body or item, to the byte.
    pub raw: Bytes,
    /// Why it can never be handled; it is stored as failed.
    pub unusable: Option<&'static str>,
    /// Whether the source's mapping takes it, so that it is not ignored without a handler.
    pub mapped: bool,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// Stored.
    Stored {
        /// For each of its events, whether it was there already, or before it in the request.
        duplicates: Vec<bool>,
        /// When the one event of a request that was there already was processed, RFC 3339.
        processed_at: Option<String>,
    },
    /// Its value for one use had been used for another event; nothing is stored.
    Replayed,
}

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRejection {
    /// The source.
    pub source: String,
    /// Reason code.
    pub reason: &'static str,
    /// The request's timestamp minus our clock, where it has one.
    pub skew_seconds: Option<i64>,
    /// Names of its headers.
    pub header_names: Vec<String>,
    /// Length of its body.
    pub body_bytes: i64,
    /// Hex SHA-256 of its body.
    pub body_sha256: String,
}

impl super::Session {
    /// Stub.
    #[allow(missing_docs, clippy::unused_async)]
    pub async fn record_rejections(&self, _: &[InboundRejection]) -> Result<(), super::StoreError> {
        Ok(())
    }
}
