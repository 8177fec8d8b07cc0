//! Logical messages that are meant for walhook, as they stand in the WAL.
//!
//! | prefix | content |
//! |---|---|
//! | `walhook.user` | who makes the changes that follow in the transaction, any JSON; `null`, `{}` and nothing at all clear it |
//! | `walhook.event` | a custom event: `{"type": "mfa.failed", "object": …}`, object any JSON, kept verbatim; other members are ignored |
//! | `walhook.origin` | the inbound event whose handler makes the changes that follow: `{"source": "stripe", "event_id": "evt_1"}`; other members are ignored |
//! | `walhook.config` | passed on untouched |
//! | `walhook.preview` | passed on untouched; not part of a transaction |
//! | `sequin:transaction_annotations.set`, `….clear` | as `walhook.user` |
//!
//! JSON is UTF-8 whatever the database's encoding: the server does not convert it. Messages that
//! are not part of a transaction are never looked at otherwise.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::change::Origin;

/// Length of an event's type in bytes: it must fit a header and an index.
const TYPE_LIMIT: usize = 255;

/// Length of a source's name in bytes: what the configuration allows.
const SOURCE_LIMIT: usize = 64;

/// Length of an inbound event's id in bytes: several times what the receiver stores of one.
const EVENT_ID_LIMIT: usize = 8192;

/// Levels of nesting. PostgreSQL's own parser needs stack for each, and one payload in the log
/// that it cannot parse would make the whole view unreadable.
const DEPTH_LIMIT: usize = 1000;

/// Prefix of the one message that does not wait for its transaction.
pub(super) const QUESTION: &str = "walhook.preview";

/// What a prefix asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    SetActor,
    ClearActor,
    SetOrigin,
    Emit,
    Configure,
}

impl Purpose {
    /// `None` is somebody else's message.
    pub(super) fn of_prefix(prefix: &str) -> Option<Self> {
        match prefix {
            "walhook.user" | "sequin:transaction_annotations.set" => Some(Self::SetActor),
            "sequin:transaction_annotations.clear" => Some(Self::ClearActor),
            "walhook.origin" => Some(Self::SetOrigin),
            "walhook.event" => Some(Self::Emit),
            "walhook.config" => Some(Self::Configure),
            _ => None,
        }
    }
}

/// Why a message was ignored. The texts must not show content: it may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is larger than max_event_bytes")]
    TooLarge,
    #[error("it is nested deeper than 1000 levels")]
    TooDeep,
    #[error("it is not JSON in UTF-8")]
    NotJson,
    #[error("it is not a JSON object with \"type\" (a string) and \"object\"")]
    NotAnEvent,
    #[error("its type is empty, longer than 255 bytes, or has spaces or control characters")]
    BadType,
    #[error("it is not a JSON object with \"source\" and \"event_id\" (strings)")]
    NotAnOrigin,
    #[error("its source is not 1 to 64 of a-z, 0-9, _ and -, or its event id is too long")]
    BadOrigin,
}

/// The actor as JSON text, a slice of `content`; `None` clears.
pub(super) fn actor(content: &Bytes, max_bytes: usize) -> Result<Option<Bytes>, Unusable> {
    let text = text(content, max_bytes)?.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    let json: &RawValue = serde_json::from_str(text).map_err(|_| Unusable::NotJson)?;
    if depth(json.get()) > DEPTH_LIMIT {
        return Err(Unusable::TooDeep);
    }
    let inside = json.get().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let names_nobody = json.get() == "null" || inside.is_some_and(|i| i.trim_ascii().is_empty());
    Ok((!names_nobody).then(|| content.slice_ref(json.get().as_bytes())))
}

/// Type and object of a custom event; the object is a slice of `content`.
pub(super) fn event(content: &Bytes, max_bytes: usize) -> Result<(String, Bytes), Unusable> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(rename = "type", borrow)]
        event_type: Cow<'a, str>,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let wire: Wire<'_> = members(content, max_bytes, Unusable::NotAnEvent)?;
    if depth(wire.object.get()) > DEPTH_LIMIT {
        return Err(Unusable::TooDeep);
    }
    let event_type = wire.event_type.into_owned();
    let is_plain = |character: char| !character.is_whitespace() && !character.is_control();
    if event_type.is_empty() || event_type.len() > TYPE_LIMIT || !event_type.chars().all(is_plain) {
        return Err(Unusable::BadType);
    }
    Ok((event_type, content.slice_ref(wire.object.get().as_bytes())))
}

/// The inbound event that makes the changes.
pub(super) fn origin(content: &Bytes, max_bytes: usize) -> Result<Origin, Unusable> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        source: Cow<'a, str>,
        #[serde(borrow)]
        event_id: Cow<'a, str>,
    }
    let Wire { source, event_id } = members(content, max_bytes, Unusable::NotAnOrigin)?;
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let is_source = (1..=SOURCE_LIMIT).contains(&source.len()) && source.bytes().all(is_plain);
    if !is_source || event_id.len() > EVENT_ID_LIMIT {
        return Err(Unusable::BadOrigin);
    }
    Ok(Origin { source: source.into_owned(), event_id: event_id.into_owned() })
}

/// Members of a JSON object; `otherwise` is what else makes of it.
fn members<'a, T: Deserialize<'a>>(
    content: &'a Bytes,
    max_bytes: usize,
    otherwise: Unusable,
) -> Result<T, Unusable> {
    let text = text(content, max_bytes)?;
    // Serde would take the members from an array as well.
    if text.trim_ascii_start().starts_with('[') {
        return Err(otherwise);
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => otherwise,
        _ => Unusable::NotJson,
    })
}

fn text(content: &Bytes, max_bytes: usize) -> Result<&str, Unusable> {
    if content.len() > max_bytes {
        return Err(Unusable::TooLarge);
    }
    std::str::from_utf8(content).map_err(|_| Unusable::NotJson)
}

/// How deep arrays and objects of valid JSON are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor_of(content: &'static [u8]) -> Result<Option<String>, Unusable> {
        let actor = actor(&Bytes::from_static(content), 100)?;
        Ok(actor.map(|json| String::from_utf8(json.to_vec()).unwrap()))
    }

    #[test]
    fn an_actor_is_any_json_verbatim() {
        for json in
            [r#"{"id": 7,  "name":"Zoë"}"#, "7", r#""admin""#, "[1]", r#"{"a":{}}"#, "1e400"]
        {
            assert_eq!(actor_of(json.as_bytes()), Ok(Some(json.to_owned())));
        }
        assert_eq!(actor_of(b" {\"id\":1}\n"), Ok(Some(r#"{"id":1}"#.to_owned())));
    }

    #[test]
    fn null_and_nothing_clear_the_actor() {
        for content in ["", "  ", "null", " null ", "{}", "{ }"] {
            assert_eq!(actor_of(content.as_bytes()), Ok(None), "{content:?}");
        }
    }

    #[test]
    fn what_is_not_json_names_nobody() {
        for content in [&b"{"[..], b"admin", b"{} {}", b"\"\xff\"", b"{\"a\":}", b"NaN"] {
            assert_eq!(actor_of(content), Err(Unusable::NotJson), "{content:?}");
        }
        assert_eq!(actor(&Bytes::from(vec![b' '; 101]), 100), Err(Unusable::TooLarge));
    }

    fn event_of(content: &'static str) -> Result<(String, String), Unusable> {
        let (event_type, object) = event(&Bytes::from_static(content.as_bytes()), 1000)?;
        Ok((event_type, String::from_utf8(object.to_vec()).unwrap()))
    }

    #[test]
    fn an_event_keeps_its_object_verbatim() {
        for (content, object) in [
            (
                r#"{"type":"mfa.failed","object":{"n": 1.10, "n":1e400}}"#,
                r#"{"n": 1.10, "n":1e400}"#,
            ),
            (r#"{"object": null, "type": "mfa.failed", "later": [1]}"#, "null"),
            (r#"{"type":"mfa\u002efailed","object":"\ud800"}"#, r#""\ud800""#),
        ] {
            let expected = Ok(("mfa.failed".to_owned(), object.to_owned()));
            assert_eq!(event_of(content), expected, "{content}");
        }
    }

    #[test]
    fn what_is_not_an_event_is_refused() {
        for (content, expected) in [
            ("", Unusable::NotJson),
            (r#"{"type":"a","object":}"#, Unusable::NotJson),
            (r#"{"type":"a","object":1} x"#, Unusable::NotJson),
            (r#"["a",1]"#, Unusable::NotAnEvent),
            ("1", Unusable::NotAnEvent),
            (r#"{"type":"a"}"#, Unusable::NotAnEvent),
            (r#"{"object":1}"#, Unusable::NotAnEvent),
            (r#"{"type":1,"object":1}"#, Unusable::NotAnEvent),
            (r#"{"type":"a","type":"b","object":1}"#, Unusable::NotAnEvent),
            (r#"{"type":"","object":1}"#, Unusable::BadType),
            (r#"{"type":"a b","object":1}"#, Unusable::BadType),
            (r#"{"type":"a\r\nX-Evil: 1","object":1}"#, Unusable::BadType),
        ] {
            assert_eq!(event_of(content), Err(expected), "{content}");
        }
        let long = format!(r#"{{"type":"{}","object":1}}"#, "x".repeat(256));
        assert_eq!(event(&Bytes::from(long.clone()), 1000), Err(Unusable::BadType));
        assert_eq!(event(&Bytes::from(long), 100), Err(Unusable::TooLarge));
    }

    #[test]
    fn an_origin_is_a_source_and_the_id_of_its_event() {
        for content in [
            r#"{"source":"stripe","event_id":"evt_1"}"#,
            r#" {"event_id": "evt_1", "later": {"a": [1]}, "source": "str\u0069pe"} "#,
        ] {
            let wanted = Origin { source: "stripe".to_owned(), event_id: "evt_1".to_owned() };
            assert_eq!(origin(&Bytes::from(content), 1000), Ok(wanted), "{content}");
        }
        let odd = origin(&Bytes::from(r#"{"source":"a_-9","event_id":"<é \u0000>"}"#), 1000);
        assert_eq!(odd.unwrap().event_id, "<é \0>", "an id is whatever the provider says");
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for (content, expected) in [
            ("", Unusable::NotJson),
            ("stripe", Unusable::NotJson),
            (r#"{"source":"stripe","event_id":"1"} x"#, Unusable::NotJson),
            (r#"["stripe","evt_1"]"#, Unusable::NotAnOrigin),
            (r#""stripe""#, Unusable::NotAnOrigin),
            (r#"{"source":"stripe"}"#, Unusable::NotAnOrigin),
            (r#"{"source":"stripe","event_id":1}"#, Unusable::NotAnOrigin),
            (r#"{"source":null,"event_id":"1"}"#, Unusable::NotAnOrigin),
            (r#"{"source":"","event_id":"1"}"#, Unusable::BadOrigin),
            (r#"{"source":"Stripe","event_id":"1"}"#, Unusable::BadOrigin),
            (r#"{"source":"*","event_id":"1"}"#, Unusable::BadOrigin),
        ] {
            assert_eq!(origin(&Bytes::from(content), 1000), Err(expected), "{content}");
        }
        let sized = |source: usize, id: usize| {
            let (source, id) = ("s".repeat(source), "i".repeat(id));
            origin(&Bytes::from(format!(r#"{{"source":"{source}","event_id":"{id}"}}"#)), 1 << 20)
        };
        assert!(sized(64, 8192).is_ok());
        assert_eq!(sized(65, 1), Err(Unusable::BadOrigin));
        assert_eq!(sized(64, 8193), Err(Unusable::BadOrigin));
        assert_eq!(origin(&Bytes::from(vec![b'{'; 101]), 100), Err(Unusable::TooLarge));
        assert_eq!(
            origin(&Bytes::from_static(b"{\"source\":\"\xff\"}"), 100),
            Err(Unusable::NotJson)
        );
    }

    #[test]
    fn deep_nesting_needs_no_deep_stack_and_is_refused() {
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(actor(&Bytes::from(deep(1 << 20)), 1 << 22), Err(Unusable::TooDeep));
        for (levels, is_fine) in [(1000, true), (1001, false)] {
            assert_eq!(actor(&Bytes::from(deep(levels)), 1 << 22).is_ok(), is_fine);
            let content = format!(r#"{{"type":"a","object":{}}}"#, deep(levels));
            assert_eq!(event(&Bytes::from(content), 1 << 22).is_ok(), is_fine);
        }
    }

    #[test]
    fn brackets_in_strings_are_no_nesting() {
        assert_eq!(depth(r#"{"[[":"\\\"[[{","a":["\\",[]],"b":{}}"#), 3);
    }
}
