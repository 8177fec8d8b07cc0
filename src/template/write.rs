//! Values as JSON.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::number::Exact;
use super::payload::Node;
use crate::value::{json, string};

/// How deep what a template builds may be nested.
const DEEPEST: usize = 128;

/// Values that may be written one by one; lists of a template's making may hold each other, and
/// come to more than anybody can count.
const MOST_VALUES: usize = 200_000;

/// The JSON of `value`, of at most `most_bytes`.
///
/// # Errors
/// When it has none, or a longer one.
pub(super) fn json_of(value: &Value, most_bytes: usize) -> Result<String, Error> {
    let mut writer = Writer { out: Vec::new(), most_bytes, values_left: MOST_VALUES };
    writer.write(value, 0)?;
    String::from_utf8(writer.out).map_err(|_| refused("a value that is not UTF-8"))
}

struct Writer {
    out: Vec<u8>,
    most_bytes: usize,
    values_left: usize,
}

impl Writer {
    fn write(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if self.out.len() > self.most_bytes {
            return Err(refused("a value that is larger than max_event_bytes"));
        }
        if depth > DEEPEST {
            return Err(refused("a value that is nested too deep"));
        }
        self.values_left =
            self.values_left.checked_sub(1).ok_or_else(|| refused("a value of too many values"))?;
        if let Some(node) = value.downcast_object_ref::<Node>() {
            self.put(node.text());
            return Ok(());
        }
        if let Some(exact) = value.downcast_object_ref::<Exact>() {
            self.put(exact.text());
            return Ok(());
        }
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.put("null"),
            ValueKind::Bool => self.put(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.put(&number(value)?),
            ValueKind::String => self.put_text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                self.put("[");
                for (index, element) in value.try_iter()?.enumerate() {
                    self.put(if index > 0 { "," } else { "" });
                    self.write(&element, depth + 1)?;
                }
                self.put("]");
            }
            ValueKind::Map => {
                self.put("{");
                for (index, name) in value.try_iter()?.enumerate() {
                    self.put(if index > 0 { "," } else { "" });
                    self.put_text(&name.to_string());
                    self.put(":");
                    self.write(&value.get_item(&name)?, depth + 1)?;
                }
                self.put("}");
            }
            ValueKind::Invalid => value.try_iter().map(|_| ())?,
            _ => return Err(refused("a value that JSON does not have")),
        }
        Ok(())
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn put_text(&mut self, text: &str) {
        string::write(text.as_bytes(), &mut self.out);
    }
}

fn number(value: &Value) -> Result<String, Error> {
    let text = value.to_string();
    match json::is_number(text.as_bytes()) {
        true => Ok(text),
        false => Err(refused("a number that JSON does not have")),
    }
}

fn refused(what: &'static str) -> Error {
    Error::new(ErrorKind::BadSerialization, what)
}
