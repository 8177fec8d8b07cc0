//! Fields of a form, and the JSON object that they become.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

use super::encoding::sha256_hex;
use super::json::Json;

/// Far more than any provider sends; each costs memory that its bytes do not show.
pub(crate) const MOST_FIELDS: usize = 4_096;

/// A form, its fields in the order of the body.
#[derive(Debug, Default)]
pub(crate) struct Form<'a> {
    fields: Vec<(Cow<'a, [u8]>, Field<'a>)>,
}

/// What a field holds.
#[derive(Debug)]
pub(crate) enum Field<'a> {
    /// A text, in whatever encoding it came.
    Text(Cow<'a, [u8]>),
    /// A file, which is never taken for a text.
    File {
        /// The name it was sent under.
        name: String,
        /// Its content type, where it has one.
        content_type: Option<String>,
        /// Its content.
        bytes: &'a [u8],
    },
}

impl<'a> Form<'a> {
    /// Reads `application/x-www-form-urlencoded`; `None` if it has too many fields.
    pub(crate) fn urlencoded(body: &'a [u8]) -> Option<Self> {
        let mut form = Self::default();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            form.push(decode(&pair[..equals]), Field::Text(decode(value)))?;
        }
        Some(form)
    }

    /// Adds a field; `None` if there are too many.
    pub(crate) fn push(&mut self, name: Cow<'a, [u8]>, field: Field<'a>) -> Option<()> {
        self.fields.push((name, field));
        (self.fields.len() <= MOST_FIELDS).then_some(())
    }

    /// Whether it has no field.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The texts of the fields called `name`; files are none.
    pub(crate) fn texts(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter_map(move |(other, field)| match field {
            Field::Text(text) if other.as_ref() == name => Some(text.as_ref()),
            _ => None,
        })
    }

    /// The JSON that stands in a field `payload` with no other beside it, as GitHub and Slack
    /// send it: that is the event then, and the form only its envelope.
    pub(crate) fn payload(&self) -> Option<Json<'_>> {
        match self.fields.as_slice() {
            [(name, Field::Text(text))] if name.as_ref() == b"payload" => {
                Json::parse(text).filter(|json| json.is_object())
            }
            _ => None,
        }
    }

    /// Name and value of each text, sorted by name, then by value, repeated ones once.
    pub(crate) fn sorted(&self) -> Vec<u8> {
        let mut sorted: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
        for (name, field) in &self.fields {
            if let Field::Text(text) = field {
                sorted.entry(name).or_default().insert(text);
            }
        }
        let pairs =
            sorted.iter().flat_map(|(name, values)| values.iter().map(move |v| [*name, *v]));
        pairs.flatten().flatten().copied().collect()
    }

    /// A JSON object with a member for each name; a list where it stands more than once.
    pub(crate) fn to_json(&self) -> String {
        let mut members = Map::new();
        for (name, field) in &self.fields {
            let name = String::from_utf8_lossy(name).into_owned();
            match members.get_mut(&name) {
                None => {
                    members.insert(name, field.to_json());
                }
                Some(Value::Array(values)) => values.push(field.to_json()),
                Some(value) => *value = json!([value.take(), field.to_json()]),
            }
        }
        Value::Object(members).to_string()
    }
}

impl Field<'_> {
    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(String::from_utf8_lossy(text)),
            Self::File { name, content_type, bytes } => json!({
                "name": name,
                "type": content_type,
                "size": bytes.len(),
                "sha256": sha256_hex(bytes),
            }),
        }
    }
}

/// Plus signs are spaces, and `%41` is a byte.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'+', b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form<'_> {
        Form::urlencoded(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_form_becomes_an_object_with_lists_where_names_repeat() {
        let form = form("a=1&b=x+y%2B%C3%A9&a=2&&c&a=3&=e&d=%");
        let expected = r#"{"":"e","a":["1","2","3"],"b":"x y+é","c":"","d":"%"}"#;
        assert_eq!(form.to_json(), expected);
        assert_eq!(form.texts(b"a").collect::<Vec<_>>(), [b"1", b"2", b"3"]);
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_replaced_in_json_only() {
        let form = form("a=%FF");
        assert_eq!(form.texts(b"a").next(), Some(&b"\xff"[..]));
        assert_eq!(form.to_json(), "{\"a\":\"\u{fffd}\"}");
    }

    #[test]
    fn sorting_goes_by_name_and_value_and_drops_repetitions() {
        assert_eq!(form("b=2&a=z&b=1&b=2&A=0").sorted(), b"A0azb1b2");
    }

    #[test]
    fn the_one_field_payload_is_an_envelope() {
        assert_eq!(form("payload=%7B%22a%22%3A1%7D").payload().unwrap().text(), r#"{"a":1}"#);
        for body in ["payload=x", "payload=[]", "payload={}&x=1", "payload={}&payload={}", "p={}"] {
            assert!(form(body).payload().is_none(), "{body}");
        }
    }

    #[test]
    fn the_number_of_fields_is_bounded() {
        assert!(Form::urlencoded("a&".repeat(MOST_FIELDS).as_bytes()).is_some());
        assert!(Form::urlencoded("a&".repeat(MOST_FIELDS + 1).as_bytes()).is_none());
        assert!(form("&&&").is_empty());
    }
}
