//! Places to the texts that stand there.

use std::borrow::Cow;
use std::fmt::Write;

use http::HeaderMap;

use super::body::Body;
use super::form::Form;
use super::json::{Json, Scalar};
use super::verdict::Request;
use crate::config::inbound::Place;

/// Where to look: a request, and the body or the one item of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locator<'a> {
    headers: &'a HeaderMap,
    form: Option<&'a Form<'a>>,
    json: Option<Json<'a>>,
    list: &'a [Element<'a>],
}

/// An element of the signature header's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// What stands before the assignment.
    pub(crate) label: &'a str,
    /// What stands after it.
    pub(crate) value: &'a str,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// Nothing, or nothing but an empty text.
    Nothing,
    /// A text that is not empty.
    Text(Cow<'a, [u8]>),
    /// A number or truth value of JSON, as written.
    Literal(&'a str),
    /// Something that is no text.
    Other,
    /// More than one.
    Several,
}

impl<'a> Found<'a> {
    /// The bytes of a text, or of a number as it was written.
    pub(crate) fn bytes(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Literal(text) => Some(Cow::Borrowed(text.as_bytes())),
            Self::Nothing | Self::Other | Self::Several => None,
        }
    }

    fn one(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (_, Some(_)) => Self::Several,
            (Some(value), None) if !value.is_empty() => Self::Text(Cow::Borrowed(value)),
            _ => Self::Nothing,
        }
    }
}

impl<'a> Locator<'a> {
    /// Looks in headers only.
    pub(crate) fn of_headers(request: &'a Request) -> Self {
        Self { headers: &request.headers, form: None, json: None, list: &[] }
    }

    /// Looks in the body as well.
    pub(crate) fn of_body(request: &'a Request, body: &'a Body<'a>) -> Self {
        let (form, json) = match body {
            Body::Json(json) => (None, Some(*json)),
            Body::Form(form) => (Some(form), form.payload()),
        };
        Self { form, json, ..Self::of_headers(request) }
    }

    /// Looks in an item in place of the whole body.
    pub(crate) fn in_item(self, item: Json<'a>) -> Self {
        Self { json: Some(item), ..self }
    }

    /// Looks in the elements of the signature header as well.
    pub(crate) fn with_list(self, list: &'a [Element<'a>]) -> Self {
        Self { list, ..self }
    }

    /// What stands at the first of `places` where anything does.
    pub(crate) fn first(&self, places: &[Place]) -> Found<'a> {
        let found = places.iter().map(|place| self.find(place));
        found.into_iter().find(|found| *found != Found::Nothing).unwrap_or(Found::Nothing)
    }

    /// What stands at `place`.
    pub(crate) fn find(&self, place: &Place) -> Found<'a> {
        match place {
            Place::Header(name) => {
                Found::one(self.headers.get_all(name).iter().map(http::HeaderValue::as_bytes))
            }
            Place::Json(path) => self.find_json(&path.0),
            Place::Form(name) => self.find_field(name),
            Place::Signature(label) => {
                let ours = self.list.iter().filter(|element| element.label == label);
                Found::one(ours.map(|element| element.value.as_bytes()))
            }
            Place::Constant(text) => Found::Text(Cow::Owned(text.clone().into_bytes())),
        }
    }

    fn find_json(&self, path: &[String]) -> Found<'a> {
        match self.json {
            Some(json) => match json.at(path).map(Json::scalar) {
                None | Some(Scalar::Null) => Found::Nothing,
                Some(Scalar::Text(text)) if text.is_empty() => Found::Nothing,
                Some(Scalar::Text(Cow::Borrowed(text))) => Found::Text(text.as_bytes().into()),
                Some(Scalar::Text(Cow::Owned(text))) => Found::Text(text.into_bytes().into()),
                Some(Scalar::Number(text) | Scalar::Boolean(text)) => Found::Literal(text),
                Some(Scalar::Other) => Found::Other,
            },
            None => self.find_field(&field_name(path)),
        }
    }

    fn find_field(&self, name: &str) -> Found<'a> {
        self.form.map_or(Found::Nothing, |form| Found::one(form.texts(name.as_bytes())))
    }
}

/// Forms write the path `data.id` as the name `data[id]`.
fn field_name(path: &[String]) -> String {
    let mut parts = path.iter();
    let mut name = parts.next().cloned().unwrap_or_default();
    for part in parts {
        // Writing to a string cannot fail.
        let _ = write!(name, "[{part}]");
    }
    name
}

/// A place, for people.
pub(crate) fn describe(place: &Place) -> String {
    match place {
        Place::Header(name) => format!("header {name}"),
        Place::Json(path) => format!("{} in the body", path.0.join(".")),
        Place::Form(name) => format!("form field {name}"),
        Place::Signature(label) => format!("{label}= in the signature header"),
        Place::Constant(_) => "a constant".to_owned(),
    }
}

/// Places of which one was needed, for people.
pub(crate) fn describe_all(places: &[Place]) -> String {
    let all: Vec<String> = places.iter().map(describe).collect();
    all.join(" or ")
}
