//! `transform`: a template, and its faults in terms of the file.

use super::reader::Problem;
use super::value::Value;
use crate::template::Template;

/// Reads `transform`; what it makes may have `max_event_bytes`. Empty is none.
///
/// `None` is a fault, `Some(None)` no template.
pub(super) fn read(value: &Value<'_>, max_event_bytes: usize) -> Option<Option<Template>> {
    let text = value.text()?;
    if text.trim().is_empty() {
        return Some(None);
    }
    match Template::parse(&text, max_event_bytes) {
        Ok(template) => Some(Some(template)),
        Err(error) => value.refuse(Problem::new(
            format!("not a template: {error}"),
            value.assignment("'{\"text\": {{ type ~ \" \" ~ object.id }}}'"),
        )),
    }
}
