//! What senders are told. Providers decide by the status alone; the body is for people.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::verdict::{Handshaken, Reason, Rejection};
use crate::config::inbound::Source;
use crate::store::inbound::Written;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Soon, but not at once: whoever is told so has just found us overloaded or without a database.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

#[derive(Serialize)]
struct Stored<'a> {
    status: &'static str,
    events: usize,
    duplicates: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    processed_at: Option<&'a str>,
}

#[derive(Serialize)]
struct Refused<'a> {
    status: &'static str,
    error: &'a str,
}

/// `events` of a request are in the table.
pub(super) fn stored(source: &Source, events: usize, written: &Written) -> Response {
    let Written::Stored { duplicates, processed_at } = written else {
        return rejected(source, &Rejection::of(Reason::Replayed));
    };
    let duplicates = duplicates.iter().filter(|duplicate| **duplicate).count();
    let is_duplicate = events > 0 && duplicates == events;
    let status = if is_duplicate { source.reply.duplicate } else { StatusCode::OK };
    if let Some((content_type, body)) = &source.reply.body {
        return text(status, content_type, body.clone());
    }
    json(
        status,
        &Stored {
            status: if is_duplicate { "duplicate" } else { "received" },
            events,
            duplicates,
            processed_at: processed_at.as_deref().filter(|_| is_duplicate),
        },
    )
}

/// A provider's set-up is answered.
pub(super) fn handshaken(handshaken: Handshaken) -> Response {
    text(StatusCode::OK, handshaken.content_type, handshaken.body)
}

/// Somebody is there.
pub(super) fn present() -> Response {
    StatusCode::OK.into_response()
}

/// Not to be believed, or not to be understood. The reason is told: it helps whoever sets a
/// provider up, and a forger learns nothing that trying would not show.
pub(super) fn rejected(source: &Source, rejection: &Rejection) -> Response {
    let reason = rejection.reason;
    let of_credentials = reason != Reason::BadBody;
    let status = source.reply.bad_signature.filter(|_| of_credentials).unwrap_or(reason.status());
    refused(status, reason.as_str())
}

/// The database is away, or we are overloaded.
pub(super) fn unavailable(source: &Source, error: &'static str) -> Response {
    with(refused(source.reply.unavailable, error), RETRY_AFTER, RETRY_SECONDS)
}

/// No source is called so.
pub(super) fn unknown_source() -> Response {
    refused(StatusCode::NOT_FOUND, "unknown_source")
}

/// Neither POST nor, where one is expected, GET.
pub(super) fn wrong_method() -> Response {
    let refused = refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    with(refused, ALLOW, HeaderValue::from_static("POST"))
}

/// Longer than the source takes. The rest of the body is not read.
pub(super) fn too_large() -> Response {
    let refused = refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
    with(refused, CONNECTION, HeaderValue::from_static("close"))
}

/// The body did not arrive whole or in time.
pub(super) fn incomplete() -> Response {
    let refused = refused(StatusCode::REQUEST_TIMEOUT, "body_incomplete");
    with(refused, CONNECTION, HeaderValue::from_static("close"))
}

fn refused(status: StatusCode, error: &str) -> Response {
    json(status, &Refused { status: "error", error })
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("plain structs are JSON");
    (status, [(CONTENT_TYPE, JSON)], body).into_response()
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    (status, [(CONTENT_TYPE, content_type)], Body::from(body)).into_response()
}

fn with(mut response: Response, name: http::HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}
