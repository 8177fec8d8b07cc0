//! The signatures that a request carries, found within limits.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::inbound::{Encoding, List, Place, SignatureFrom};
use crate::inbound::encoding::{from_base64, from_hex};
use crate::inbound::locate::{Element, Found, Locator, describe};
use crate::inbound::verdict::{Reason, Rejection};

/// Several times what any provider sends, DocuSign with a hundred keys excepted.
const LONGEST_HEADER_BYTES: usize = 8 * 1024;
/// Each costs a comparison with each key.
const MOST_CANDIDATES: usize = 16;
/// DocuSign numbers the headers of its keys from 1.
const MOST_NUMBERED: usize = 100;

/// Signatures of a request, not decoded yet.
#[derive(Debug, Default)]
pub(super) struct Candidates<'a> {
    /// All elements of the list that they stand in.
    pub(super) elements: Vec<Element<'a>>,
    /// Version and text of each.
    texts: Vec<Written<'a>>,
    encoding: Option<Encoding>,
}

/// A signature as it is written, and its version where signatures have one.
type Written<'a> = (Option<&'a str>, Cow<'a, [u8]>);

/// A decoded signature, and its version where signatures have one.
pub(super) type Candidate<'a> = (Option<&'a str>, Vec<u8>);

/// How to look for signatures.
pub(super) struct Search<'s> {
    pub(super) from: &'s SignatureFrom,
    /// Whether numbers follow the header's name.
    pub(super) numbered: bool,
    /// Whether other elements of the list have a meaning, so that it is more than signatures.
    pub(super) has_named: bool,
}

impl Search<'_> {
    /// The signatures of a request; `None` if it has none.
    pub(super) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
        locator: &Locator<'a>,
    ) -> Result<Option<Candidates<'a>>, Rejection> {
        for place in &self.from.from {
            let values = match place {
                Place::Header(name) => self.headers_called(headers, name)?,
                _ => in_body(locator, place)?,
            };
            let length: usize = values.iter().map(|value| value.len()).sum();
            if length > LONGEST_HEADER_BYTES {
                let what = format!("{} is too long", describe(place));
                return Err(Rejection::because(Reason::HeaderTooLarge, what));
            }
            if length > 0 {
                return self.among(place, values).map(Some);
            }
        }
        Ok(None)
    }

    fn headers_called<'a>(
        &self,
        headers: &'a HeaderMap,
        name: &HeaderName,
    ) -> Result<Vec<Cow<'a, [u8]>>, Rejection> {
        let called = |name: &str| -> Vec<Cow<'a, [u8]>> {
            let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
            values.filter(|value| !value.is_empty()).map(Cow::Borrowed).collect()
        };
        let several = |name: &str| {
            let what = format!("header {name} stands more than once");
            Rejection::because(Reason::MalformedSignature, what)
        };
        if !self.numbered {
            let values = called(name.as_str());
            let ambiguous = values.len() > 1 && self.from.list.is_none();
            return if ambiguous { Err(several(name.as_str())) } else { Ok(values) };
        }
        let mut values = Vec::new();
        for number in 1..=MOST_NUMBERED {
            let name = format!("{name}-{number}");
            let mut found = called(&name);
            if found.len() > 1 {
                return Err(several(&name));
            }
            values.append(&mut found);
        }
        Ok(values)
    }

    fn among<'a>(
        &self,
        place: &Place,
        values: Vec<Cow<'a, [u8]>>,
    ) -> Result<Candidates<'a>, Rejection> {
        let mut found = Candidates { encoding: Some(self.from.encoding), ..Candidates::default() };
        for value in values {
            match (&self.from.list, value) {
                (None, value) => {
                    let bare = strip(value, &self.from.prefix).ok_or_else(|| {
                        let what =
                            format!("{} does not begin with {}", describe(place), self.from.prefix);
                        Rejection::because(Reason::MalformedSignature, what)
                    })?;
                    found.texts.push((None, bare));
                }
                (Some(list), Cow::Borrowed(value)) => found.elements.extend(elements(list, value)),
                (Some(_), Cow::Owned(_)) => {}
            }
        }
        if let Some(list) = &self.from.list {
            found.texts = self.taken(list, &found.elements, place)?;
        }
        found.texts.retain(|(_, text)| !text.is_empty());
        match found.texts.len() {
            0 => Err(Rejection::because(
                Reason::MissingSignature,
                format!("{} is empty", describe(place)),
            )),
            1..=MOST_CANDIDATES => Ok(found),
            _ => Err(Rejection::because(
                Reason::HeaderTooLarge,
                format!("{} has more than {MOST_CANDIDATES} signatures", describe(place)),
            )),
        }
    }

    /// The elements that are signatures.
    fn taken<'a>(
        &self,
        list: &List,
        elements: &[Element<'a>],
        place: &Place,
    ) -> Result<Vec<Written<'a>>, Rejection> {
        let ours = elements.iter().filter(|element| list.take.iter().any(|l| l == element.label));
        let taken: Vec<_> =
            ours.map(|element| (Some(element.label), element.value.as_bytes().into())).collect();
        if !taken.is_empty() {
            return Ok(taken);
        }
        // In a list of named elements the signature is missing; in a list of nothing but
        // signatures, those that are there are of versions that nobody knows.
        let is_missing = self.has_named && !elements.is_empty();
        let reason = if is_missing { Reason::MissingSignature } else { Reason::MalformedSignature };
        let what = format!("{} has no {}", describe(place), list.take.join(" or "));
        Err(Rejection::because(reason, what))
    }
}

impl Candidates<'_> {
    /// Those whose bytes can be read.
    pub(super) fn decode(&self) -> Result<Vec<Candidate<'_>>, Rejection> {
        let decode = |text: &[u8]| match self.encoding {
            Some(Encoding::Hex) => from_hex(text),
            Some(Encoding::Base64) => from_base64(text),
            Some(Encoding::Text) | None => Some(text.to_vec()),
        };
        let decoded = self.texts.iter().filter_map(|(label, text)| Some((*label, decode(text)?)));
        let decoded: Vec<_> = decoded.collect();
        if decoded.is_empty() {
            let expected = match self.encoding {
                Some(Encoding::Hex) => "the signature is not hex",
                _ => "the signature is not padded base64",
            };
            return Err(Rejection::because(Reason::MalformedSignature, expected));
        }
        Ok(decoded)
    }
}

/// A signature in a body must be a text: a number is something else that was made one.
fn in_body<'a>(locator: &Locator<'a>, place: &Place) -> Result<Vec<Cow<'a, [u8]>>, Rejection> {
    match locator.find(place) {
        Found::Nothing => Ok(Vec::new()),
        Found::Text(text) => Ok(vec![text]),
        Found::Literal(_) | Found::Other | Found::Several => {
            let what = format!("{} is not one text", describe(place));
            Err(Rejection::because(Reason::MalformedSignature, what))
        }
    }
}

fn elements<'a>(list: &List, value: &'a [u8]) -> Vec<Element<'a>> {
    // What is no text has no elements.
    let text = std::str::from_utf8(value).unwrap_or_default();
    let parts = text.split(list.separator).map(|part| part.trim_matches([' ', '\t']));
    parts
        .filter_map(|part| part.split_once(list.assignment))
        .map(|(label, value)| Element { label, value })
        .collect()
}

/// Takes a prefix off. Names of authentication schemes, which a blank ends, have no case.
fn strip<'a>(value: Cow<'a, [u8]>, prefix: &str) -> Option<Cow<'a, [u8]>> {
    let head = value.get(..prefix.len())?;
    let begins = if prefix.ends_with(' ') {
        head.eq_ignore_ascii_case(prefix.as_bytes())
    } else {
        head == prefix.as_bytes()
    };
    begins.then(|| match value {
        Cow::Borrowed(value) => Cow::Borrowed(&value[prefix.len()..]),
        Cow::Owned(value) => Cow::Owned(value[prefix.len()..].to_vec()),
    })
}
