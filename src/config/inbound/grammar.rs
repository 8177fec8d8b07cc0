//! The words of the grammar as values of the file: places, paths and templates.

use super::super::reader::Problem;
use super::super::value::Value;
use super::place::{Json, Kind, Place, Places};
use super::template::{Piece, Tokens, template};

const MOST_ALTERNATIVES: usize = 16;

/// Where a signature may stand.
pub(super) const IN_REQUEST: &[Kind] = &[Kind::Header, Kind::Json, Kind::Form];
/// Where a timestamp or a value for one use may stand.
pub(super) const ANYWHERE: &[Kind] = &[Kind::Header, Kind::Json, Kind::Form, Kind::Signature];
/// Where an event's id or type may stand; or always the same.
pub(super) const OF_EVENT: &[Kind] = &[Kind::Header, Kind::Json, Kind::Form, Kind::Constant];

/// Reads one place of one of `kinds`.
pub(super) fn read_place(value: &Value<'_>, kinds: &[Kind]) -> Option<Place> {
    let text = value.word()?;
    checked(value, Place::parse(&text, kinds).map_err(|error| (error.to_string(), error.fix())))
}

/// Reads a place, or a list of alternatives.
pub(super) fn read_places(value: &Value<'_>, kinds: &[Kind]) -> Option<Places> {
    value.one_or_more(MOST_ALTERNATIVES, |value| read_place(value, kinds))
}

/// Reads a dotted path into JSON.
pub(super) fn read_path(value: &Value<'_>) -> Option<Json> {
    let text = value.word()?;
    checked(value, Json::parse(&text).map_err(|error| (error.to_string(), error.fix())))
}

/// Reads a template of `tokens`.
pub(super) fn read_template(value: &Value<'_>, tokens: &Tokens) -> Option<Vec<Piece>> {
    let text = value.word()?;
    checked(value, template(&text, tokens).map_err(|error| (error.to_string(), error.fix())))
}

/// Reads a template, or a list of alternatives.
pub(super) fn read_templates(value: &Value<'_>, tokens: &Tokens) -> Option<Vec<Vec<Piece>>> {
    value.one_or_more(MOST_ALTERNATIVES, |value| read_template(value, tokens))
}

fn checked<T>(value: &Value<'_>, read: Result<T, (String, String)>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err((problem, fix)) => value.refuse(Problem::new(problem, fix).given(value.given())),
    }
}
