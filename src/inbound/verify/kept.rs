//! Which of a request's headers are kept with its events: all but credentials, within bounds.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::inbound::{Material, Place, Proof};
use crate::inbound::json::Json;

const MOST_HEADERS: usize = 64;
const LONGEST_VALUE_BYTES: usize = 1_024;
const CREDENTIALS: [&str; 9] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-access-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-gitlab-token",
];

/// The headers that are kept, as a JSON object; what is too long is cut.
pub(super) fn headers(proof: &Proof, headers: &HeaderMap) -> String {
    let kept = headers.keys().filter(|name| !is_credential(proof, name)).take(MOST_HEADERS);
    let mut object = String::with_capacity(512);
    object.push('{');
    for name in kept {
        if object.len() > 1 {
            object.push(',');
        }
        // Names of headers need no escapes.
        object.extend(["\"", name.as_str(), "\":"]);
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        let value = match values.as_slice() {
            [value] => Cow::Borrowed(*value),
            values => Cow::Owned(values.join(&b", "[..])),
        };
        Json::quote(&cut(&value), &mut object);
    }
    object.push('}');
    object
}

fn is_credential(proof: &Proof, name: &HeaderName) -> bool {
    let Proof::Signed(schemes) = proof else { return CREDENTIALS.contains(&name.as_str()) };
    let shown = schemes.iter().filter(|scheme| {
        let material = scheme.keys.iter().map(|key| &key.material);
        material.into_iter().any(|key| matches!(key, Material::Token(_) | Material::Basic(_)))
    });
    let mut places = shown.flat_map(|scheme| &scheme.signature.from);
    CREDENTIALS.contains(&name.as_str())
        || places.any(|place| matches!(place, Place::Header(header) if header == name))
}

fn cut(value: &[u8]) -> Cow<'_, str> {
    let mut text = String::from_utf8_lossy(&value[..value.len().min(LONGEST_VALUE_BYTES)]);
    // A character that the cut has broken.
    if value.len() > LONGEST_VALUE_BYTES && text.ends_with(char::REPLACEMENT_CHARACTER) {
        text.to_mut().pop();
    }
    text
}
