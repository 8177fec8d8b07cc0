//! What becomes of a request, before any of it is stored: events, a handshake, or a rejection.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::encoding::sha256_hex;

/// A request, read whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET (handshakes only) or POST.
    pub method: Method,
    /// Path and query as they came.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the byte.
    pub body: Bytes,
}

impl Request {
    /// Hex SHA-256 of the whole body.
    pub fn body_sha256(&self) -> String {
        sha256_hex(&self.body)
    }
}

/// What a request turned out to be.
#[derive(Debug)]
pub enum Verdict {
    /// Genuine events, possibly none.
    Events(Post),
    /// A provider's set-up, answered without storing anything.
    Handshake(Handshaken),
    /// The certificate at this URL (an allowed one) is needed; ask again with it.
    NeedsCertificate(String),
    /// Not to be believed, or not to be understood.
    Rejected(Rejection),
}

/// Genuine events of one request.
#[derive(Clone, Debug)]
pub struct Post {
    /// In the order of the body.
    pub events: Vec<Draft>,
    /// A value that may be used once.
    pub replay: Option<String>,
    /// Hex SHA-256 of the whole body.
    pub body_sha256: Arc<str>,
    /// The headers that are kept, as a JSON object: no credentials.
    pub headers: Arc<str>,
}

/// An event that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The provider's id, or one made from the body.
    pub event_id: String,
    /// Its type, where there is one.
    pub event_type: Option<String>,
    /// JSON text. `None`: `raw` is not JSON, or not such that jsonb can hold it.
    pub payload: Option<String>,
    /// The body, or the item's bytes in a batch.
    pub raw: Bytes,
    /// Why it can never be handled (an item that is no object); it is stored as failed.
    pub unusable: Option<&'static str>,
}

/// An answered handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshaken {
    /// Body of the answer.
    pub body: String,
    /// Its content type.
    pub content_type: &'static str,
    /// A URL to fetch before answering (SNS), at an allowed host.
    pub confirm: Option<String>,
    /// What the operator must be told (Gusto's token).
    pub tell: Option<String>,
}

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Code.
    pub reason: Reason,
    /// The request's timestamp minus our clock, where it has one.
    pub skew_seconds: Option<i64>,
    /// What exactly is missing or wrong, for the log: names, never values.
    pub detail: Option<String>,
}

/// Reason codes, as in `inbound_rejection.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The signature, or an element of it that the scheme needs, is absent or empty.
    MissingSignature,
    /// So is the timestamp.
    MissingTimestamp,
    /// So is another value that is signed.
    MissingField,
    /// Not hex, not base64, another version.
    MalformedSignature,
    /// Not a time.
    MalformedTimestamp,
    /// Older than the window.
    TimestampTooOld,
    /// Further in the future than the window.
    TimestampInFuture,
    /// Signed by somebody else, or changed.
    BadSignature,
    /// A token, password or topic that is not ours.
    BadCredentials,
    /// The certificate lies elsewhere than at the provider.
    BadCertUrl,
    /// Signature headers beyond 8 KiB or 16 candidates.
    HeaderTooLarge,
    /// A value for one use was used before.
    Replayed,
    /// Not JSON or form as the source declares.
    BadBody,
}

impl Reason {
    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::MissingTimestamp => "missing_timestamp",
            Self::MissingField => "missing_field",
            Self::MalformedSignature => "malformed_signature",
            Self::MalformedTimestamp => "malformed_timestamp",
            Self::TimestampTooOld => "timestamp_too_old",
            Self::TimestampInFuture => "timestamp_in_future",
            Self::BadSignature => "bad_signature",
            Self::BadCredentials => "bad_credentials",
            Self::BadCertUrl => "bad_cert_url",
            Self::HeaderTooLarge => "header_too_large",
            Self::Replayed => "replayed",
            Self::BadBody => "bad_body",
        }
    }

    /// What is answered where the source says nothing else. The one place that decides it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingSignature | Self::MissingTimestamp | Self::MissingField => {
                StatusCode::UNAUTHORIZED
            }
            Self::BadBody => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl Rejection {
    /// A rejection for `reason` alone.
    pub fn of(reason: Reason) -> Self {
        Self { reason, skew_seconds: None, detail: None }
    }

    /// A rejection that says what is missing or wrong.
    pub(crate) fn because(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, skew_seconds: None, detail: Some(detail.into()) }
    }

    /// The same, of a request that was made that far from now.
    pub(crate) fn with_skew(self, skew_seconds: Option<i64>) -> Self {
        Self { skew_seconds: self.skew_seconds.or(skew_seconds), ..self }
    }
}
