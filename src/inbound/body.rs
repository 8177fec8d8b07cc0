//! A body, read in the form that its source declares.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::form::Form;
use super::json::Json;
use super::multipart;
use super::verdict::Request;
use crate::config::inbound::Shape;

/// A body that could be read.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// JSON of any kind.
    Json(Json<'a>),
    /// A form with at least one field.
    Form(Form<'a>),
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// Reads a body; where it cannot be read, says why.
pub(crate) fn read(request: &Request, shape: Shape) -> Result<Body<'_>, &'static str> {
    let body = request.body.as_ref();
    if body.is_empty() {
        return Err("the body is empty");
    }
    if shape == Shape::Array || (shape == Shape::Object && !is_form(request)) {
        return Json::parse(body).map(Body::Json).ok_or("the body is not JSON");
    }
    let content_type = content_type(&request.headers);
    let form = match essence(content_type).as_str() {
        URLENCODED => Form::urlencoded(body).ok_or("the form has too many fields")?,
        MULTIPART => {
            multipart::parse(content_type, body).ok_or("the body is not multipart/form-data")?
        }
        _ => return Err("the content type is no form's"),
    };
    if form.is_empty() {
        return Err("the form has no fields");
    }
    Ok(Body::Form(form))
}

/// Whether the body is a form.
///
/// A JSON object is one even where the content type says form, as `curl -d` does unasked; no form
/// begins like one.
pub(crate) fn is_form(request: &Request) -> bool {
    let begins_as_object = request.body.trim_ascii_start().starts_with(b"{");
    matches!(essence(content_type(&request.headers)).as_str(), URLENCODED | MULTIPART)
        && !(begins_as_object && Json::parse(&request.body).is_some_and(Json::is_object))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
