//! Adyen: each item of a body is signed by itself, over eight of its fields. What manages accounts
//! and pays out is signed as a whole instead, in a header.

use super::Proven;
use super::arrival::Arrival;
use super::content::Content;
use super::key::PreparedKey;
use crate::config::inbound::{Events, Place};
use crate::inbound::body::Body;
use crate::inbound::encoding::from_base64;
use crate::inbound::json::{Json, Scalar};
use crate::inbound::locate::Found;
use crate::inbound::verdict::{Reason, Rejection};

const SIGNED: [&[&str]; 8] = [
    &["pspReference"],
    &["originalReference"],
    &["merchantAccountCode"],
    &["merchantReference"],
    &["amount", "value"],
    &["amount", "currency"],
    &["eventCode"],
    &["success"],
];
const LONGEST_SIGNATURE: usize = 8 * 1024;

/// Proves a request: every item must be signed, so that none slips in beside those that are.
pub(super) fn prove<'v>(
    keys: &'v [PreparedKey],
    events: &Events,
    arrival: &Arrival<'_>,
) -> Result<Proven<'v>, Rejection> {
    let header = Place::Header(http::HeaderName::from_static("hmacsignature"));
    match arrival.headers().find(&header) {
        Found::Nothing => {}
        Found::Text(signature) => {
            let body = arrival.request.body.as_ref();
            return check(keys, &Content::from(body), &signature);
        }
        _ => {
            let what = "header hmacsignature stands more than once";
            return Err(Rejection::because(Reason::MalformedSignature, what));
        }
    }
    let Body::Json(body) = arrival.body()? else {
        return Err(Rejection::because(Reason::BadBody, "the body is not JSON"));
    };
    let items = events.each.as_ref().and_then(|each| body.at(&each.0));
    let mut proven = None;
    for item in items.into_iter().flat_map(Json::elements) {
        let inner = events.unwrap.as_ref().and_then(|unwrap| item.at(&unwrap.0)).unwrap_or(item);
        proven = Some(check_item(keys, inner)?);
    }
    proven.ok_or_else(|| Rejection::because(Reason::MissingSignature, "no signed item in the body"))
}

fn check_item<'v>(keys: &'v [PreparedKey], item: Json<'_>) -> Result<Proven<'v>, Rejection> {
    let signature = match text(item, &["additionalData", "hmacSignature"]) {
        Ok(signature) if !signature.is_empty() => signature,
        Ok(_) => {
            let what = "no additionalData.hmacSignature in an item";
            return Err(Rejection::because(Reason::MissingSignature, what));
        }
        Err(rejection) => return Err(rejection),
    };
    let fields: Result<Vec<String>, _> = SIGNED.iter().map(|path| text(item, path)).collect();
    check(keys, &Content::from(fields?.join(":").into_bytes()), signature.as_bytes())
}

fn check<'v>(
    keys: &'v [PreparedKey],
    content: &Content<'_>,
    signature: &[u8],
) -> Result<Proven<'v>, Rejection> {
    if signature.len() > LONGEST_SIGNATURE {
        return Err(Rejection::because(Reason::HeaderTooLarge, "the signature is too long"));
    }
    let signature = from_base64(signature).ok_or_else(|| {
        Rejection::because(Reason::MalformedSignature, "the signature is not padded base64")
    })?;
    let candidates = || std::iter::once(signature.as_slice());
    let key = keys.iter().find(|key| key.matches(content, "", candidates()));
    key.map(|key| Proven { key: Some(key), ..Proven::default() })
        .ok_or_else(|| Rejection::of(Reason::BadSignature))
}

/// A field that is not there is signed as an empty text.
fn text(item: Json<'_>, path: &[&str]) -> Result<String, Rejection> {
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    match item.at(&path).map(Json::scalar) {
        None | Some(Scalar::Null) => Ok(String::new()),
        Some(Scalar::Text(text)) => Ok(text.into_owned()),
        Some(Scalar::Number(text) | Scalar::Boolean(text)) => Ok(text.to_owned()),
        Some(Scalar::Other) => {
            let what = format!("{} in an item is not one text", path.join("."));
            Err(Rejection::because(Reason::MalformedSignature, what))
        }
    }
}
