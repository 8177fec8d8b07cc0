//! `events` and `reply` of a source: what the events of a body are, and what is answered.

use http::StatusCode;

use super::super::reader::Problem;
use super::super::value::Value;
use super::grammar::{OF_EVENT, read_path, read_places, read_templates};
use super::template::ID;
use super::{Events, Reply, Shape};

const SHAPES: [(&str, Shape); 3] =
    [("object", Shape::Object), ("array", Shape::Array), ("form", Shape::Form)];
const LONGEST_BODY_BYTES: usize = 4096;

/// Reads `events`.
pub(super) fn read_events(value: &Value<'_>) -> Option<Events> {
    value.table(|table| {
        let shape = table.read("shape", |value| value.one_of(&SHAPES), Shape::Object);
        let each = table.optional("each", read_path);
        let unwrap = table.optional("unwrap", read_path);
        let id = table.read("id", |value| read_places(value, OF_EVENT), Vec::new());
        let id_template = table.read("id_template", |value| read_templates(value, &ID), Vec::new());
        let event_type = table.read("type", |value| read_places(value, OF_EVENT), Vec::new());
        if each.is_some() && shape == Shape::Array {
            let problem = "`each` names a list inside an object, and the body is a list itself";
            return table.refuse_at("each", Problem::new(problem, "shape = \"object\""));
        }
        Some(Events { shape, each, unwrap, id, id_template, event_type })
    })
}

/// One event in each body, without an id or a type of its own.
pub(super) fn plain_events() -> Events {
    Events {
        shape: Shape::Object,
        each: None,
        unwrap: None,
        id: Vec::new(),
        id_template: Vec::new(),
        event_type: Vec::new(),
    }
}

/// Reads `reply`.
pub(super) fn read_reply(value: &Value<'_>) -> Option<Reply> {
    value.table(|table| {
        let usual = usual_reply();
        let bad_signature = table.optional("bad_signature", |value| read_status(value, 400, 599));
        let duplicate =
            table.read("duplicate", |value| read_status(value, 200, 299), usual.duplicate);
        let unavailable = table.read("unavailable", read_unavailable, usual.unavailable);
        let body = table.optional("body", read_body);
        Some(Reply { bad_signature, duplicate, unavailable, body })
    })
}

/// What is answered where nobody says otherwise.
pub(super) fn usual_reply() -> Reply {
    Reply {
        bad_signature: None,
        duplicate: StatusCode::OK,
        unavailable: StatusCode::SERVICE_UNAVAILABLE,
        body: None,
    }
}

fn read_status(value: &Value<'_>, least: i64, most: i64) -> Option<StatusCode> {
    let code: u16 = value.integer(least..=most)?;
    StatusCode::from_u16(code).ok()
}

/// What a provider takes for "come again": anything else would lose events.
fn read_unavailable(value: &Value<'_>) -> Option<StatusCode> {
    let status = read_status(value, 400, 599)?;
    match status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        true => Some(status),
        false => value.refuse(
            Problem::new("a provider would not send the event again", value.assignment("503"))
                .given(value.given())
                .allowed("429, or 500 to 599"),
        ),
    }
}

/// A body, with the content type that it looks like.
fn read_body(value: &Value<'_>) -> Option<(&'static str, String)> {
    let body = value.text()?;
    if body.len() > LONGEST_BODY_BYTES {
        return value.refuse(
            Problem::new("the body is too long", "shorten it")
                .allowed(format!("at most {LONGEST_BODY_BYTES} bytes")),
        );
    }
    let content_type = if body.starts_with('<') {
        "text/xml"
    } else if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok() {
        "application/json"
    } else {
        "text/plain"
    };
    Some((content_type, body))
}
