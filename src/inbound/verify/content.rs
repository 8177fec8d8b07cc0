//! The bytes that are signed, put together without copying the body.

use std::borrow::Cow;

use super::arrival::Arrival;
use crate::config::inbound::Piece;
use crate::inbound::body::{self, Body};
use crate::inbound::locate::{Found, Locator, describe_all};
use crate::inbound::verdict::{Reason, Rejection};

/// Signed content but for the URL, of which a provider may know several spellings.
pub(super) struct Content<'a>(Vec<Part<'a>>);

enum Part<'a> {
    Bytes(Cow<'a, [u8]>),
    Url,
}

impl<'a> Content<'a> {
    /// Puts the pieces together. A value that is not there is a rejection, never an empty text.
    pub(super) fn resolve(
        pieces: &'a [Piece],
        timestamp: Option<&'a [u8]>,
        arrival: &'a Arrival<'_>,
        locator: &Locator<'a>,
    ) -> Result<Self, Rejection> {
        let part = |piece: &'a Piece| {
            let bytes = match piece {
                Piece::Literal(text) => text.as_bytes().into(),
                Piece::Body => arrival.request.body.as_ref().into(),
                Piece::Method => arrival.request.method.as_str().as_bytes().into(),
                Piece::Timestamp => timestamp
                    .ok_or_else(|| Rejection::of(Reason::MissingTimestamp))
                    .map(Cow::Borrowed)?,
                Piece::FormSorted => sorted_fields(arrival)?.into(),
                Piece::At(places) => match locator.first(places) {
                    Found::Nothing => {
                        let missing = format!("no {}", describe_all(places));
                        return Err(Rejection::because(Reason::MissingField, missing));
                    }
                    found => found.bytes().ok_or_else(|| {
                        let what = format!("{} is not one text", describe_all(places));
                        Rejection::because(Reason::MalformedSignature, what)
                    })?,
                },
                Piece::Url => return Ok(Part::Url),
            };
            Ok(Part::Bytes(bytes))
        };
        pieces.iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the URL is part of it.
    pub(super) fn has_url(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Url))
    }

    /// Hands out the bytes in order.
    pub(super) fn feed(&self, url: &str, mut sink: impl FnMut(&[u8])) {
        for part in &self.0 {
            match part {
                Part::Bytes(bytes) => sink(bytes),
                Part::Url => sink(url.as_bytes()),
            }
        }
    }

    /// The bytes as one piece.
    pub(super) fn joined(&self, url: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.feed(url, |part| bytes.extend_from_slice(part));
        bytes
    }
}

impl From<Vec<u8>> for Content<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![Part::Bytes(bytes.into())])
    }
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(vec![Part::Bytes(bytes.into())])
    }
}

/// Nothing, for a body that is no form.
fn sorted_fields(arrival: &Arrival<'_>) -> Result<Vec<u8>, Rejection> {
    // An empty body is refused later; its signature comes first.
    if arrival.request.body.is_empty() || !body::is_form(arrival.request) {
        return Ok(Vec::new());
    }
    Ok(match arrival.body()? {
        Body::Form(form) => form.sorted(),
        Body::Json(_) => Vec::new(),
    })
}
