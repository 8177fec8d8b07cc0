//! Header names as the operator wrote them.
//!
//! hyper can send names in any spelling, but reads the spelling from an extension of the request
//! that only its own parser makes. So it is made once per endpoint, by letting hyper parse a
//! request with those names in memory.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Extensions, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// What makes hyper spell `names` so; `None` if it does so of itself, which costs nothing per
/// request.
pub(super) fn spelling<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Extensions> {
    if names.clone().all(is_title_case) {
        return None;
    }
    let mut head = String::from("GET / HTTP/1.1\r\n");
    for name in names {
        head.push_str(name);
        head.push_str(": x\r\n");
    }
    head.push_str("\r\n");
    parse(head.as_bytes())
}

/// Whether hyper's `title_case_headers` would spell it so.
fn is_title_case(name: &str) -> bool {
    let mut before = b'-';
    name.bytes().all(|byte| {
        let begins = std::mem::replace(&mut before, byte) == b'-';
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == begins
    })
}

fn parse(head: &[u8]) -> Option<Extensions> {
    let parsed = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let extensions = request.into_parts().0.extensions;
        *parsed.lock().unwrap_or_else(PoisonError::into_inner) = Some(extensions);
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let io = TokioIo::new(tokio::io::join(head, tokio::io::sink()));
    // Nothing in it waits, since it reads from a slice and writes into the void. How it ends does
    // not matter: hyper misses the rest of a conversation after the head it has parsed.
    let served = http1::Builder::new().preserve_header_case(true).serve_connection(io, service);
    let _ = served.now_or_never();
    parsed.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_not_title_case_need_an_extension() {
        for name in ["Host", "X-Webhook-Event-Id", "X-9-Lives", "A--B"] {
            assert!(is_title_case(name), "{name}");
        }
        for name in ["host", "X-API-Key", "webhook-id", "X-webhook", "ETag"] {
            assert!(!is_title_case(name), "{name}");
        }
        assert!(spelling(["Host", "Accept"].into_iter()).is_none());
    }

    #[test]
    fn hyper_makes_the_extension_in_memory() {
        assert!(spelling(["X-API-Key"].into_iter()).is_some_and(|made| !made.is_empty()));
    }
}
