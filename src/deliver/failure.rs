//! Failed attempts in words: class and message for the log. Messages name the host and what was
//! being done, and nothing else of the URL.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::time::Duration;

use http::StatusCode;

use super::connect_error::ConnectError;
use super::connector::Step;
use super::tls;
use super::token::NoToken;
use crate::event::ErrorClass;

/// Why there is no answer.
pub(super) enum Failure {
    Connect(ConnectError),
    Http(hyper::Error),
    NoToken(NoToken),
}

/// A failed attempt, fit for the log.
pub(super) struct Explained {
    pub(super) class: ErrorClass,
    pub(super) text: String,
    /// See [`Attempt::is_resolver_out`](crate::event::Attempt).
    pub(super) is_resolver_out: bool,
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl From<NoToken> for Failure {
    fn from(error: NoToken) -> Self {
        Self::NoToken(error)
    }
}

impl Failure {
    /// Class and message, for a call of `host`.
    pub(super) fn explain(&self, host: &str) -> Explained {
        let (class, text, is_resolver_out) = match self {
            Self::Connect(error) => (error.class(), chain(error), error.is_resolver_out()),
            Self::NoToken(error) => (ErrorClass::Auth, error.text.clone(), error.is_resolver_out),
            Self::Http(error) => {
                let (class, text) = explain_http(error, host);
                (class, text, false)
            }
        };
        Explained { class, text, is_resolver_out }
    }
}

/// Class and message of an exchange with `host` that broke.
fn explain_http(error: &hyper::Error, host: &str) -> (ErrorClass, String) {
    let (class, doing) = if broke_in_tls(error) {
        (ErrorClass::Tls, format!("TLS with {host} broke"))
    } else if error.is_parse() || is_nonsense(error) {
        (ErrorClass::Protocol, format!("{host} answered what is not HTTP/1.1"))
    } else {
        (ErrorClass::Reset, format!("{host} closed the connection without an answer"))
    };
    (class, format!("{doing}: {}", chain(error)))
}

/// What the deadline cut off, in a call of `host` or of the token endpoint that comes before it.
pub(super) fn out_of_time(step: Step, host: &str, timeout: Duration) -> Explained {
    let (class, text) = cut_off(step, host, timeout);
    // A resolver that tells anything tells it in time.
    Explained { class, text, is_resolver_out: step == Step::Resolving }
}

fn cut_off(step: Step, host: &str, timeout: Duration) -> (ErrorClass, String) {
    let (class, what) = match step {
        Step::Resolving => (ErrorClass::Dns, format!("could not resolve {host}")),
        Step::Dialling => (ErrorClass::Timeout, format!("could not connect to {host}")),
        Step::Handshaking => {
            (ErrorClass::Timeout, format!("TLS handshake with {host} did not end"))
        }
        Step::Connected => (ErrorClass::Timeout, format!("no answer from {host}")),
    };
    (class, format!("{what} within {timeout:?}"))
}

/// A status that is not 2xx.
pub(super) fn answered(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let reason = known.map(|reason| format!(" {reason}")).unwrap_or_default();
    let redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
    let note = if redirect { "; redirects are not followed" } else { "" };
    format!("answered {status}{reason}{note}")
}

fn broke_in_tls(error: &hyper::Error) -> bool {
    let sources = std::iter::successors(error.source(), |inner| (*inner).source());
    sources.filter_map(|inner| inner.downcast_ref()).any(tls::is_tls_failure)
}

/// The wire itself refuses what came.
fn is_nonsense(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|inner| inner.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}

pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for inner in std::iter::successors(error.source(), |inner| (*inner).source()) {
        // Writing to memory does not fail.
        let _ = write!(text, ": {inner}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_says_that_it_is_not_followed() {
        assert_eq!(answered(302), "answered 302 Found; redirects are not followed");
        assert_eq!(answered(500), "answered 500 Internal Server Error");
        assert_eq!(answered(599), "answered 599");
    }
}
