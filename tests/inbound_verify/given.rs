//! Sources, signatures and requests for the tests.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use walhook::config::Environment;
use walhook::config::inbound::Source;
use walhook::inbound::verdict::{Draft, Handshaken, Post, Rejection, Request, Verdict};
use walhook::inbound::verify::Verifier;

/// The receiver's clock, in seconds.
pub(crate) const NOW: i64 = 1_780_000_000;

/// The source of these settings, ready to judge.
pub(crate) fn verifier(settings: &str) -> Verifier {
    let source = Source::from_toml("given", settings, &Environment::default());
    Verifier::new(Arc::new(source.unwrap_or_else(|faults| panic!("{settings}\n{faults}"))))
}

/// A POST with these headers.
pub(crate) fn post<N: AsRef<str>, V: AsRef<str>>(
    headers: &[(N, V)],
    body: impl Into<Bytes>,
) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.as_ref().parse().unwrap();
        map.append(name, HeaderValue::from_str(value.as_ref()).unwrap());
    }
    Request {
        method: Method::POST,
        target: "/webhooks/given".to_owned(),
        headers: map,
        body: body.into(),
    }
}

/// What `verifier` says of `request` now.
pub(crate) fn judge(verifier: &Verifier, request: &Request) -> Verdict {
    verifier.judge(request, NOW * 1_000, None)
}

/// The events of a request that is taken.
pub(crate) fn accepted(verifier: &Verifier, request: &Request) -> Vec<Draft> {
    accepted_post(verifier, request).events
}

/// A request that is taken.
pub(crate) fn accepted_post(verifier: &Verifier, request: &Request) -> Post {
    match judge(verifier, request) {
        Verdict::Events(post) => post,
        other => panic!("{other:?}"),
    }
}

/// The answer to a handshake.
pub(crate) fn handshake(verifier: &Verifier, request: &Request) -> Handshaken {
    match judge(verifier, request) {
        Verdict::Handshake(handshake) => handshake,
        other => panic!("{other:?}"),
    }
}

/// Why a request is not taken.
pub(crate) fn rejection(verifier: &Verifier, request: &Request) -> Rejection {
    match judge(verifier, request) {
        Verdict::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

/// The code of why a request is not taken; `ok` if it is.
pub(crate) fn reason(verifier: &Verifier, request: &Request) -> &'static str {
    match judge(verifier, request) {
        Verdict::Rejected(rejection) => rejection.reason.as_str(),
        Verdict::Events(_) => "ok",
        Verdict::Handshake(_) => "handshake",
        Verdict::NeedsCertificate(_) => "needs certificate",
    }
}

pub(crate) fn hmac_sha256(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Vec<u8> {
    mac(hmac::HMAC_SHA256, key, message)
}

pub(crate) fn hmac_sha1(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Vec<u8> {
    mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, message)
}

fn mac(algorithm: hmac::Algorithm, key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key.as_ref()), message.as_ref()).as_ref().to_vec()
}

pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(digest::digest(&digest::SHA256, bytes.as_ref()))
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// A GitHub request, whose signature is over the body alone.
pub(crate) fn github(body: impl Into<Bytes>) -> Request {
    let body = body.into();
    let signature = format!("sha256={}", hex(hmac_sha256("s", &body)));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "push"),
        ("x-github-delivery", "d1"),
    ];
    post(&headers, body)
}

/// Its source.
pub(crate) const GITHUB: &str = "preset = \"github\"\nsecrets = [\"s\"]";

/// A Stripe request, signed at `timestamp`.
pub(crate) fn stripe(timestamp: impl ToString, body: impl Into<Bytes>) -> Request {
    let (timestamp, body) = (timestamp.to_string(), body.into());
    let content = [timestamp.as_bytes(), b".", &body].concat();
    let signature = format!("t={timestamp},v1={}", hex(hmac_sha256("whsec_s", content)));
    post(&[("stripe-signature", signature)], body)
}

/// Its source.
pub(crate) const STRIPE: &str = "preset = \"stripe\"\nsecrets = [\"whsec_s\"]";
