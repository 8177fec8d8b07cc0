//! A payload as a template sees it: read where it is looked at, and otherwise as it stands.
//!
//! An object or a list that a template writes whole keeps its bytes, so that no digit and no
//! order of members is lost; and what no template looks at is never read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use super::number;
use crate::value::json::{skip_space, string_end, value_end};

/// Members or elements that one object or list may have for a template to look into it: each
/// takes some ten times its bytes.
const MOST_MEMBERS: usize = 500_000;

/// How deep a template may look.
const DEEPEST: usize = 128;

/// An object or a list.
#[derive(Debug)]
pub(super) struct Node {
    text: Bytes,
    depth: usize,
    inside: OnceLock<Result<Value, &'static str>>,
}

impl Node {
    /// The object that `text` is.
    pub(super) fn root(text: &Bytes) -> Value {
        Value::from_object(Self { text: text.clone(), depth: 0, inside: OnceLock::new() })
    }

    /// Its JSON.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or("null")
    }

    fn is_object(&self) -> bool {
        self.text.first() == Some(&b'{')
    }

    /// Its members or elements, as MiniJinja's own map or list.
    fn inside(&self) -> Result<&Value, Value> {
        let inside = self.inside.get_or_init(|| match self.depth < DEEPEST {
            true => self.read(),
            false => Err("the payload is nested too deep for a template to look into"),
        });
        let invalid = |problem: &&'static str| Error::new(ErrorKind::BadSerialization, *problem);
        inside.as_ref().map_err(|problem| Value::from(invalid(problem)))
    }

    fn read(&self) -> Result<Value, &'static str> {
        const MALFORMED: &str = "the payload is not JSON";
        let (mut members, mut elements) = (Vec::new(), Vec::new());
        let mut at = skip_space(&self.text, 1);
        while !matches!(self.text.get(at), Some(b'}' | b']')) {
            if members.len() + elements.len() == MOST_MEMBERS {
                return Err("an object or list is too long for a template to look into");
            }
            if self.is_object() {
                let end = string_end(&self.text, at).ok_or(MALFORMED)?;
                let name = self.string(at..end);
                at = skip_space(&self.text, end) + 1;
                at = skip_space(&self.text, at);
                let end = value_end(&self.text, at).ok_or(MALFORMED)?;
                members.push((name, self.value(at..end)));
                at = end;
            } else {
                let end = value_end(&self.text, at).ok_or(MALFORMED)?;
                elements.push(self.value(at..end));
                at = end;
            }
            at = skip_space(&self.text, at);
            if self.text.get(at) == Some(&b',') {
                at = skip_space(&self.text, at + 1);
            }
        }
        match self.is_object() {
            true => Ok(Value::from_pairs(members)),
            false => Ok(Value::from(elements)),
        }
    }

    fn value(&self, place: std::ops::Range<usize>) -> Value {
        match self.text.get(place.start) {
            Some(b'{' | b'[') => Value::from_object(Self {
                text: self.text.slice(place),
                depth: self.depth + 1,
                inside: OnceLock::new(),
            }),
            Some(b'"') => self.string(place),
            Some(b't') => Value::from(true),
            Some(b'f') => Value::from(false),
            Some(b'n') | None => Value::from(()),
            Some(_) => number::read(std::str::from_utf8(&self.text[place]).unwrap_or_default()),
        }
    }

    fn string(&self, place: std::ops::Range<usize>) -> Value {
        let text = serde_json::from_slice::<String>(&self.text[place]);
        text.map_or_else(
            |_| {
                let problem = "a text of the payload has half of a character";
                Value::from(Error::new(ErrorKind::BadSerialization, problem))
            },
            Value::from,
        )
    }
}

impl Object for Node {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.is_object() { ObjectRepr::Map } else { ObjectRepr::Seq }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.inside() {
            Ok(inside) => inside.get_item(key).ok().filter(|value| !value.is_undefined()),
            Err(invalid) => Some(invalid),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let inside = match self.inside() {
            Ok(inside) => inside,
            Err(invalid) => return Enumerator::Iter(Box::new(std::iter::once(invalid))),
        };
        match (self.is_object(), inside.len(), inside.try_iter()) {
            (false, Some(len), _) => Enumerator::Seq(len),
            (true, _, Ok(names)) => Enumerator::Iter(Box::new(names)),
            _ => Enumerator::Empty,
        }
    }

    /// As JSON, so that `~` makes a text that can be read again.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
