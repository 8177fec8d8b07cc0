//! A request under judgement, its body read when somebody first asks for it.

use std::cell::OnceCell;

use crate::config::inbound::{Shape, Source};
use crate::inbound::body::{self, Body};
use crate::inbound::locate::Locator;
use crate::inbound::verdict::{Reason, Rejection, Request};

/// A request that has arrived.
pub(super) struct Arrival<'a> {
    pub(super) request: &'a Request,
    /// Our clock, in milliseconds since 1970.
    pub(super) now_ms: i64,
    /// Where the provider posts to, as the configuration says.
    pub(super) public_url: Option<&'a str>,
    shape: Shape,
    body: OnceCell<Result<Body<'a>, &'static str>>,
}

impl<'a> Arrival<'a> {
    pub(super) fn new(source: &'a Source, request: &'a Request, now_ms: i64) -> Self {
        let (public_url, shape) = (source.public_url.as_deref(), source.events.shape);
        Self { request, now_ms, public_url, shape, body: OnceCell::new() }
    }

    /// The body, read.
    pub(super) fn body(&self) -> Result<&Body<'_>, Rejection> {
        let read = self.body.get_or_init(|| body::read(self.request, self.shape));
        read.as_ref().map_err(|why| Rejection::because(Reason::BadBody, *why))
    }

    /// Looks in headers only.
    pub(super) fn headers(&self) -> Locator<'_> {
        Locator::of_headers(self.request)
    }

    /// Looks in headers and body.
    pub(super) fn whole(&self) -> Result<Locator<'_>, Rejection> {
        Ok(Locator::of_body(self.request, self.body()?))
    }
}
