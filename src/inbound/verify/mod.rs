//! Whether a request comes from the provider of its source, and what it brings.
//!
//! The order of steps is the security of it: limits before work, the signature over the bytes as
//! they came before anything is made of them, the signed time after the signature, and events
//! last. Where a signature stands in the body, the body is read first, since there is no other way
//! to it.
//!
//! Nothing here opens a socket or looks at a clock.

mod adyen;
mod arrival;
mod candidates;
mod certificate;
mod changes;
mod content;
mod explain;
mod handshake;
mod kept;
mod key;
mod paypal;
mod scheme;
mod sns;
mod timestamp;
mod url;

use std::fmt;
use std::sync::Arc;

use http::Method;

use self::arrival::Arrival;
use self::certificate::Pinned;
use self::key::PreparedKey;
use self::scheme::PreparedScheme;
use super::split;
use super::verdict::{Post, Reason, Rejection, Request, Verdict};
use crate::config::inbound::{Code, Proof, Source};

/// Judges the requests to one source.
pub struct Verifier {
    source: Arc<Source>,
    proof: PreparedProof,
}

/// How requests prove where they come from, with what is made of keys once.
enum PreparedProof {
    Signed(Vec<PreparedScheme>),
    PayPal { webhook_id: String, pinned: Pinned },
    AwsSns { topic_arn: String, pinned: Pinned },
    Adyen(Vec<PreparedKey>),
}

/// A genuine request.
#[derive(Default)]
struct Proven<'v> {
    /// A value that may be used once.
    replay: Option<String>,
    /// The request's time minus ours.
    skew_seconds: Option<i64>,
    /// The key that matched.
    key: Option<&'v PreparedKey>,
}

/// What proving ends with, where it does not end with a rejection.
enum Outcome<'v> {
    Proven(Proven<'v>),
    NeedsCertificate(String),
}

impl Verifier {
    /// Prepares the keys of `source`.
    pub fn new(source: Arc<Source>) -> Self {
        let pinned = |pem: &Option<String>| Pinned::read(pem.as_deref());
        let proof = match &source.proof {
            Proof::Signed(schemes) => {
                PreparedProof::Signed(schemes.iter().map(PreparedScheme::new).collect())
            }
            Proof::Code(Code::PayPal { webhook_id, cert_pem }) => {
                PreparedProof::PayPal { webhook_id: webhook_id.clone(), pinned: pinned(cert_pem) }
            }
            Proof::Code(Code::AwsSns { topic_arn, cert_pem }) => {
                PreparedProof::AwsSns { topic_arn: topic_arn.clone(), pinned: pinned(cert_pem) }
            }
            Proof::Code(Code::Adyen { keys }) => {
                PreparedProof::Adyen(keys.iter().map(PreparedKey::hmac_sha256).collect())
            }
        };
        Self { source, proof }
    }

    /// What `request` turns out to be at `now_ms`, in milliseconds since 1970.
    ///
    /// `certificate` answers an earlier [`Verdict::NeedsCertificate`]: PEM or DER, fetched over
    /// TLS from the URL that was named.
    pub fn judge(&self, request: &Request, now_ms: i64, certificate: Option<&[u8]>) -> Verdict {
        let verdict = if request.method == Method::GET {
            handshake::of_get(&self.source, request).map(Verdict::Handshake)
        } else {
            self.judge_post(request, now_ms, certificate)
        };
        verdict.unwrap_or_else(Verdict::Rejected)
    }

    fn judge_post(
        &self,
        request: &Request,
        now_ms: i64,
        certificate: Option<&[u8]>,
    ) -> Result<Verdict, Rejection> {
        let arrival = Arrival::new(&self.source, request, now_ms);
        let proven = match self.prove(&arrival, certificate) {
            Ok(Outcome::Proven(proven)) => proven,
            Ok(Outcome::NeedsCertificate(url)) => return Ok(Verdict::NeedsCertificate(url)),
            Err(rejection) if rejection.reason == Reason::MissingSignature => {
                let unsigned = handshake::unsigned(&self.source, &arrival);
                return unsigned.map(Verdict::Handshake).ok_or(rejection);
            }
            Err(rejection) => return Err(rejection),
        };
        self.open(&arrival, proven.replay, proven.key)
            .map_err(|rejection| rejection.with_skew(proven.skew_seconds))
    }

    fn prove<'v>(
        &'v self,
        arrival: &Arrival<'_>,
        given: Option<&[u8]>,
    ) -> Result<Outcome<'v>, Rejection> {
        match &self.proof {
            PreparedProof::Signed(schemes) => scheme::prove(schemes, arrival).map(Outcome::Proven),
            PreparedProof::Adyen(keys) => {
                adyen::prove(keys, &self.source.events, arrival).map(Outcome::Proven)
            }
            PreparedProof::PayPal { webhook_id, pinned } => {
                paypal::prove(webhook_id, pinned, given, arrival)
            }
            PreparedProof::AwsSns { topic_arn, pinned } => {
                sns::prove(topic_arn, pinned, given, arrival)
            }
        }
    }

    /// What a genuine request brings.
    fn open(
        &self,
        arrival: &Arrival<'_>,
        replay: Option<String>,
        key: Option<&PreparedKey>,
    ) -> Result<Verdict, Rejection> {
        let body = arrival.body()?;
        if let Some(handshake) = handshake::signed(&self.source, body, key)? {
            return Ok(Verdict::Handshake(handshake));
        }
        Ok(Verdict::Events(Post {
            events: split::split(arrival.request, body, &self.source.events)?,
            replay,
            body_sha256: arrival.request.body_sha256().into(),
            headers: kept::headers(&self.source.proof, &arrival.request.headers).into(),
        }))
    }
}

/// It holds keys.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("source", &self.source.name).finish_non_exhaustive()
    }
}
