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
use crate::event::ErrorClass;

/// Why there is no answer.
pub(super) enum Failure {
    Connect(ConnectError),
    Http(hyper::Error),
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

impl Failure {
    /// Class and message, for a call of `host`.
    pub(super) fn explain(&self, host: &str) -> (ErrorClass, String) {
        let error = match self {
            Self::Connect(error) => return (error.class(), chain(error)),
            Self::Http(error) => error,
        };
        let (class, doing) = if broke_in_tls(error) {
            (ErrorClass::Tls, format!("TLS with {host} broke"))
        } else if error.is_parse() || is_nonsense(error) {
            (ErrorClass::Protocol, format!("{host} answered what is not HTTP/1.1"))
        } else {
            (ErrorClass::Reset, format!("{host} closed the connection without an answer"))
        };
        (class, format!("{doing}: {}", chain(error)))
    }
}

/// What the deadline cut off.
pub(super) fn out_of_time(step: Step, host: &str, timeout: Duration) -> (ErrorClass, String) {
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

fn chain(error: &dyn Error) -> String {
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
