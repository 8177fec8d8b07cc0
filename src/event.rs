//! Events, deliveries and attempts: what travels from route to the receiver and the log.

pub mod budget;
pub mod gate;
pub mod job;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::endpoint::EndpointId;
use crate::lsn::Position;

/// Identity of an event: 48 bits of commit time in ms, then 80 bits of a hash of where the
/// change stands, so that ids sort by time and a replay makes the same id again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

/// What an event's id is made from, besides its type.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// `IDENTIFY_SYSTEM`'s system identifier.
    pub system_identifier: u64,
    /// Commit time in microseconds since 1970-01-01 UTC.
    pub commit_time: i64,
    /// Transaction id.
    pub xid: u32,
    /// Position of the change.
    pub position: Position,
}

impl EventId {
    /// The id of the event of `event_type` that `seed` makes.
    pub fn new(seed: &Seed, event_type: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.system_identifier.to_be_bytes());
        hash.update(seed.position.commit.0.to_be_bytes());
        hash.update(seed.xid.to_be_bytes());
        hash.update(seed.position.ordinal.to_be_bytes());
        hash.update(event_type.as_bytes());
        // A commit before 1970 or after 10889 is a broken clock; the id need not sort then.
        let milliseconds = seed.commit_time.div_euclid(1000) as u64 & 0xffff_ffff_ffff;
        Self(u128::from(milliseconds) << 80 | first_80_bits(&hash.finalize()))
    }

    /// Commit time in milliseconds since 1970-01-01 UTC.
    pub fn commit_milliseconds(self) -> u64 {
        (self.0 >> 80) as u64
    }
}

fn first_80_bits(hash: &[u8]) -> u128 {
    hash.iter().take(10).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"evt_00000000000000000000000000";
        for (place, character) in text.iter_mut().skip(4).rev().take(26).enumerate() {
            *character = CROCKFORD[(self.0 >> (5 * place) & 31) as usize];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not `evt_` and 26 characters of Crockford's base32.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event id: {0:?} (expected evt_ and 26 characters, as in evt_01JHQ…)")]
pub struct ParseEventIdError(String);

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseEventIdError(text.to_owned());
        let digits = text.strip_prefix("evt_").filter(|d| d.len() == 26).ok_or_else(refused)?;
        let mut id = 0u128;
        for digit in digits.bytes() {
            let value = CROCKFORD.iter().position(|c| *c == digit).ok_or_else(refused)?;
            id = id.checked_mul(32).ok_or_else(refused)? | value as u128;
        }
        Ok(Self(id))
    }
}

/// Identity of a delivery: a function of event and endpoint, so the same on every attempt and
/// after a restart. A version 8 UUID that begins with the commit time, as the event id does:
/// the log is partitioned by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub Uuid);

impl DeliveryId {
    /// The id of the delivery of `event` to `endpoint`.
    pub fn new(event: EventId, endpoint: EndpointId) -> Self {
        let mut hash = Sha256::new();
        hash.update(event.0.to_be_bytes());
        hash.update(endpoint.0.as_bytes());
        let bits = event.0 >> 80 << 80 | first_80_bits(&hash.finalize());
        Self(uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid())
    }
}

/// Facts of an event that every endpoint shares; the body is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identity.
    pub id: EventId,
    /// As in `order.updated`.
    pub event_type: Arc<str>,
    /// Where its change stands in the stream.
    pub position: Position,
    /// Commit time in microseconds since 1970-01-01 UTC.
    pub commit_time: i64,
    /// 64-bit hashes of model and primary key: the row's key, and its former key where an
    /// update changed it (else the same again). Collisions only delay.
    pub keys: [u64; 2],
}

/// Why a delivery failed (contract 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// The deadline passed.
    Timeout,
    /// TLS failed: certificate, host name, version.
    Tls,
    /// The connection broke.
    Reset,
    /// The answer was not HTTP.
    Protocol,
    /// The address may not be called.
    BlockedAddress,
    /// A status other than 2xx.
    HttpStatus,
    /// No token to be had.
    Auth,
    /// The template failed.
    Template,
    /// The condition raised an error.
    Condition,
}

impl ErrorClass {
    /// The word in the log and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::BlockedAddress => "blocked_address",
            Self::HttpStatus => "http_status",
            Self::Auth => "auth",
            Self::Template => "template",
            Self::Condition => "condition",
        }
    }
}

/// What one HTTP request came to. Everything in it is fit for the log: secrets are masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// When it began, in microseconds since 1970-01-01 UTC.
    pub started_at: i64,
    /// From begin to the outcome.
    pub duration: Duration,
    /// Status, if an answer's status line came.
    pub status: Option<u16>,
    /// Response headers as one JSON object text, masked; empty if no answer came.
    pub response_headers: String,
    /// Response body, cut, as text without NUL.
    pub response_body: String,
    /// What went wrong; `None` is a 2xx.
    pub error: Option<(ErrorClass, String)>,
    /// It went wrong for want of a working resolver, which is no fault of the receiver's.
    pub is_resolver_out: bool,
    /// The `Retry-After` of the answer, as a delay from its receipt.
    pub retry_after: Option<Duration>,
    /// The signature header's value as sent (first profile), for the log; empty if unsigned.
    pub signature: String,
}

impl Attempt {
    /// What the log says of a delivery that ended at this time without an attempt.
    pub fn none(at: i64) -> Self {
        Self {
            started_at: at,
            duration: Duration::ZERO,
            status: None,
            response_headers: String::new(),
            response_body: String::new(),
            error: None,
            is_resolver_out: false,
            retry_after: None,
            signature: String::new(),
        }
    }
}

/// One body on its way to one endpoint.
#[derive(Debug)]
pub struct Delivery {
    /// Identity.
    pub id: DeliveryId,
    /// Receiver.
    pub endpoint: EndpointId,
    /// What happened.
    pub event: Arc<Event>,
    /// The bytes to sign, send and store.
    pub body: Bytes,
}
