//! A genuine body into its events.

use std::borrow::Cow;

use bytes::Bytes;

use super::body::Body;
use super::encoding::sha256_hex;
use super::json::Json;
use super::locate::{Found, Locator, describe};
use super::verdict::{Draft, Reason, Rejection, Request};
use crate::config::inbound::{Events, Piece, Place, Shape};

/// Far more than any provider puts into a megabyte; an event takes hundreds of bytes of memory,
/// even where it takes two of the body.
const MOST_EVENTS: usize = 20_000;
/// Ids stand in an index, whose entries are bounded.
const LONGEST_ID_BYTES: usize = 1_024;
const LONGEST_TYPE_BYTES: usize = 255;

/// The events of a body.
pub(crate) fn split(
    request: &Request,
    body: &Body<'_>,
    events: &Events,
) -> Result<Vec<Draft>, Rejection> {
    let locator = Locator::of_body(request, body);
    let whole = &request.body;
    let json = match body {
        Body::Json(json) => *json,
        Body::Form(form) => {
            let text = form.payload().map_or_else(|| form.to_json(), |json| json.text().to_owned());
            let payload = payload(Json::parse(text.as_bytes()));
            return Ok(vec![draft(locator, events, payload, whole.clone())?]);
        }
    };
    let list = match events.shape {
        Shape::Array if json.is_list() => Some(json),
        Shape::Array => return Err(Rejection::because(Reason::BadBody, "the body is not a list")),
        _ if !json.is_object() => {
            return Err(Rejection::because(Reason::BadBody, "the body is not an object"));
        }
        _ => events.each.as_ref().and_then(|each| json.at(&each.0)).filter(|list| list.is_list()),
    };
    let Some(list) = list else {
        return Ok(vec![draft(locator, events, payload(Some(json)), whole.clone())?]);
    };
    if list.elements().nth(MOST_EVENTS).is_some() {
        let what = format!("the body has more than {MOST_EVENTS} events");
        return Err(Rejection::because(Reason::BadBody, what));
    }
    let item = |item: Json<'_>| {
        let raw = whole.slice(item.range());
        let inner = events.unwrap.as_ref().and_then(|unwrap| item.at(&unwrap.0)).unwrap_or(item);
        if !inner.is_object() {
            return Ok(unusable(inner, raw));
        }
        draft(locator.in_item(inner), events, payload(Some(inner)), raw)
    };
    list.elements().map(item).collect()
}

/// A value as it is stored where values are unique: as it is, or its hash where it is too long or
/// PostgreSQL could not hold it.
pub(crate) fn storable(value: &str) -> String {
    if value.len() > LONGEST_ID_BYTES || value.contains('\0') {
        return format!("sha256:{}", sha256_hex(value.as_bytes()));
    }
    value.to_owned()
}

fn draft(
    locator: Locator<'_>,
    events: &Events,
    payload: Option<String>,
    raw: Bytes,
) -> Result<Draft, Rejection> {
    let event_id = match first(&locator, &events.id)? {
        Some(id) => storable(&id),
        None => match templated(&locator, &events.id_template)? {
            Some(id) => storable(&id),
            None => hash_id(&raw),
        },
    };
    let event_type = first(&locator, &events.event_type)?;
    let (event_type, unusable) = match event_type {
        Some(long) if long.len() > LONGEST_TYPE_BYTES => {
            (None, Some("its type is longer than 255 bytes"))
        }
        Some(strange) if strange.contains('\0') => (None, Some("its type has a NUL character")),
        event_type => (event_type, None),
    };
    Ok(Draft { event_id, event_type, payload, raw, unusable })
}

fn unusable(item: Json<'_>, raw: Bytes) -> Draft {
    Draft {
        event_id: hash_id(&raw),
        event_type: None,
        payload: payload(Some(item)),
        raw,
        unusable: Some("the item is not an object"),
    }
}

fn hash_id(raw: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(raw))
}

fn payload(json: Option<Json<'_>>) -> Option<String> {
    json.filter(|json| json.fits_jsonb()).map(|json| json.text().to_owned())
}

/// The text at the first of `places` that has one.
fn first(locator: &Locator<'_>, places: &[Place]) -> Result<Option<String>, Rejection> {
    for place in places {
        if let Some(text) = text(locator, place)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// A header that stands twice would leave the choice to whoever added the second. A field of a form
/// may come twice, as headers of mails do that became fields, and then it names nothing.
fn text(locator: &Locator<'_>, place: &Place) -> Result<Option<String>, Rejection> {
    match locator.find(place) {
        Found::Several if matches!(place, Place::Header(_)) => {
            let what = format!("{} stands more than once", describe(place));
            Err(Rejection::because(Reason::BadBody, what))
        }
        found => Ok(found.bytes().map(|text| String::from_utf8_lossy(&text).into_owned())),
    }
}

/// The id that the first template makes of which all is there.
fn templated(locator: &Locator<'_>, templates: &[Vec<Piece>]) -> Result<Option<String>, Rejection> {
    for template in templates {
        if let Some(id) = filled(locator, template)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn filled(locator: &Locator<'_>, pieces: &[Piece]) -> Result<Option<String>, Rejection> {
    let mut id = String::new();
    for piece in pieces {
        let part = match piece {
            Piece::Literal(text) => Some(Cow::Borrowed(text.as_str())),
            Piece::At(places) => first(locator, places)?.map(Cow::Owned),
            _ => None,
        };
        let Some(part) = part else { return Ok(None) };
        id.push_str(&part);
    }
    Ok(Some(id).filter(|id| !id.is_empty()))
}
