//! Inbound events: stored once, handled once.
//!
//! A writer's session inserts; one session of the processor claims and keeps the books; others
//! run handlers.

mod claim;
mod handlers;
mod keep;
mod mapping;
mod parts;
mod run;
mod unseen;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

pub use claim::{Claim, Failure, Settled};
pub use handlers::Handler;
pub use mapping::MappingFault;
pub use run::Ran;

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
    /// In the order of the body.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What became of requests that were written together.
#[derive(Debug, Default)]
pub struct Stored {
    /// In their order. `None`: PostgreSQL takes it in no form, and nothing of it is stored.
    pub written: Vec<Option<Written>>,
    /// Whether handlers have something to do now.
    pub is_due: bool,
    /// Events that had come before, for [`super::Session::count_repeats`].
    pub repeats: Repeats,
}

/// How often events came again, by source and id.
pub type Repeats = HashMap<(Arc<str>, String), i64>;

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRejection {
    /// The source.
    pub source: Arc<str>,
    /// Code of the reason.
    pub reason: &'static str,
    /// Its timestamp minus our clock, in seconds, where it had one.
    pub skew_seconds: Option<i64>,
    /// Names of its headers.
    pub header_names: Vec<String>,
    /// Length of its body.
    pub body_bytes: usize,
    /// Hex SHA-256 of its body.
    pub body_sha256: String,
}
