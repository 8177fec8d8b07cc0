//! `[inbound]`: the receiver of providers' webhooks, and its sources.

mod events;
mod grammar;
mod into;
mod key;
mod place;
mod preset;
mod proof;
mod receiver;
mod scheme;
mod secrets;
mod signature;
mod source;
mod template;
mod verify;

pub use place::{Json, Place, Places};
pub use scheme::{
    Code, Encoding, Hash, Key, KeyBytes, List, Material, Proof, Quirk, Scheme, SignatureFrom,
    TimestampFrom, TimestampUnit,
};
pub use template::Piece;

pub(super) use receiver::{read, read_error_alert};

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::TableName;
use crate::endpoint::RetryPolicy;
use crate::secret::Secret;

/// The receiver. Without an address there is none.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// Which rejections leave a row.
    pub log_rejections: LogRejections,
    /// Failed events within a time that raise an alert; a count of 0 = never.
    pub errors: ErrorAlert,
    /// How long payload and raw bytes are kept; the ids stay.
    pub retention: Duration,
    /// Who may post, in the order of the file.
    pub sources: Vec<Arc<Source>>,
}

/// Which rejections leave a row in `inbound_rejection`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogRejections {
    /// Each reason of a source at least once a minute.
    #[default]
    Sampled,
    /// All.
    All,
}

/// `[alerts] inbound_errors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorAlert {
    /// Failed events; 0 = no alert.
    pub count: i64,
    /// The time that they are counted in.
    pub window: Duration,
}

/// A provider that posts to `/webhooks/{name}`.
#[derive(Clone)]
pub struct Source {
    /// Segment of the path: `[a-z0-9_-]`, 1 to 64.
    pub name: String,
    /// The preset that it began as.
    pub preset: Option<String>,
    /// How requests prove where they come from.
    pub proof: Proof,
    /// The URL that the provider posts to, as written; for schemes that sign it.
    pub public_url: Option<String>,
    /// Requests of the provider's set-up that are no events.
    pub handshake: Handshake,
    /// Whether unsigned handshakes are answered now.
    pub handshake_pending: bool,
    /// What Meta's GET must show.
    pub verify_token: Option<Secret>,
    /// What the events of a body are.
    pub events: Events,
    /// What is answered.
    pub reply: Reply,
    /// Longer bodies are refused.
    pub max_body_bytes: usize,
    /// When a failed handler runs again.
    pub retry: RetryPolicy,
    /// A business table that events are written to.
    pub into: Option<Mapping>,
}

/// URL, replies and constants may hold what should not be seen.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Requests of a provider's set-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handshake {
    /// None.
    #[default]
    None,
    /// Signed `{"type":"url_verification","challenge":…}`: the challenge goes back.
    Slack,
    /// Signed `{"type":1}`: so does the type.
    Discord,
    /// Signed `endpoint.url_validation`: the token and its HMAC go back.
    Zoom,
    /// GET with `hub.mode=subscribe` and the verify token: the challenge goes back.
    Meta,
    /// Unsigned `{"verification_token":…}`, only while pending: logged for the operator.
    Gusto,
    /// HEAD, which is answered 200 and nothing else.
    Head,
    /// Signed `SubscriptionConfirmation`, only while pending: its URL is fetched.
    Sns,
}

/// What the events of a body are.
#[derive(Clone, Debug)]
pub struct Events {
    /// Form of the body.
    pub shape: Shape,
    /// A list inside the object whose elements are the events, where it is there.
    pub each: Option<Json>,
    /// Inside an element, where its content is (Adyen wraps each one).
    pub unwrap: Option<Json>,
    /// The first that is there and not empty is the id.
    pub id: Places,
    /// Templates of the id where none of `id` is there; the first whose places are all there.
    pub id_template: Vec<Vec<Piece>>,
    /// The first that is there and not empty is the type.
    pub event_type: Places,
}

/// Form of a body. Where an object is expected, a form whose content type says so is one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One event.
    Object,
    /// A list of events.
    Array,
    /// A urlencoded or multipart form, one event.
    Form,
}

/// What is answered where a provider needs something else than we would say.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Instead of 401 and 403.
    pub bad_signature: Option<StatusCode>,
    /// When all events were there already.
    pub duplicate: StatusCode,
    /// When the database is away or we are overloaded.
    pub unavailable: StatusCode,
    /// Body of a success in place of our JSON, with its content type.
    pub body: Option<(&'static str, String)>,
}

/// `[inbound.sources.X.into]`: events become rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// The business table.
    pub table: TableName,
    /// Its columns and what they are set to.
    pub columns: Vec<(String, Column)>,
    /// Globs over event types; empty = all.
    pub types: Vec<String>,
    /// Columns of its unique constraint; empty = a plain insert.
    pub conflict: Vec<String>,
    /// What becomes of a row that is there already.
    pub on_conflict: OnConflict,
}

/// What a column is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// The value at a path of the payload; null where there is none.
    Path(Json),
    /// The same, a number of Unix seconds or milliseconds.
    Unix(Json, TimestampUnit),
    /// Always this text, cast to the column's type.
    Value(String),
    /// A SQL expression over `payload`.
    Sql(String),
}

/// What becomes of a row that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It stays.
    #[default]
    Nothing,
    /// It takes the event's values.
    Update,
}

#[cfg(test)]
mod tests;
