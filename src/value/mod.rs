//! PostgreSQL's text forms and the JSON they become (contract 3.1). Pure.
//!
//! Everything here takes bytes that came over the wire and must therefore hold two promises
//! whatever they are: no panic, and what is appended is always one whole JSON value.
//! Text that does not look like its type becomes a JSON string.

mod array;
mod bytea;
mod declared;
pub mod json;
mod oid;
pub mod string;
mod time;

pub use declared::{Declared, Nature, TextOrder};

/// How a type's text becomes JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `t` or `f`.
    Bool,
    /// A JSON number as it stands: int2, int4, oid.
    Number,
    /// int8: string or number, by `[payload] int8`.
    Int8,
    /// numeric: always a string.
    Numeric,
    /// float4, float8: number; NaN and infinities as strings.
    Float,
    /// json, jsonb: verbatim.
    Json,
    /// timestamptz: RFC 3339, UTC.
    TimestampTz,
    /// timestamp without time zone.
    Timestamp,
    /// bytea: base64.
    Bytea,
    /// An array of elements of one kind, with its delimiter (`,`, or `;` for box).
    Array(Box<Kind>, u8),
    /// Everything else: the text as a JSON string.
    Text,
}

/// What the user may choose about JSON forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `[payload] int8 = "number"`: beyond 2^53 many receivers will round it.
    pub int8_as_number: bool,
}

impl Kind {
    /// The kind of a built-in type or array; `None` where only the catalog knows.
    pub fn of_oid(type_oid: u32) -> Option<Self> {
        oid::kind(type_oid)
    }

    /// Whether values are JSON documents, or arrays of them, into which a dotted path can lead.
    pub fn holds_json(&self) -> bool {
        match self {
            Self::Json => true,
            Self::Array(element, _) => element.holds_json(),
            _ => false,
        }
    }
}

/// Appends the JSON form of a value's text.
///
/// The text is as PostgreSQL sends it under `datestyle=ISO`, `timezone=UTC`,
/// `intervalstyle=iso_8601` and `extra_float_digits=3`; both forms of `bytea_output` are read.
pub fn write_json(kind: &Kind, options: Options, text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let written = match kind {
        Kind::Text | Kind::Numeric => false,
        Kind::Int8 if !options.int8_as_number => false,
        Kind::Bool => write_bool(text, out),
        Kind::Number | Kind::Int8 | Kind::Float => write_number(text, out),
        Kind::Json => write_document(text, out),
        Kind::TimestampTz => time::write(text, time::Zone::Utc, out),
        Kind::Timestamp => time::write(text, time::Zone::None, out),
        Kind::Bytea => bytea::write(text, out),
        Kind::Array(element, delimiter) => {
            array::Form { element, delimiter: *delimiter, options }.write(text, out)
        }
    };
    if !written {
        out.truncate(start);
        string::write(text, out);
    }
}

fn write_bool(text: &[u8], out: &mut Vec<u8>) -> bool {
    match text {
        b"t" => out.extend_from_slice(b"true"),
        b"f" => out.extend_from_slice(b"false"),
        _ => return false,
    }
    true
}

fn write_number(text: &[u8], out: &mut Vec<u8>) -> bool {
    let plain = json::is_number(text);
    if plain {
        out.extend_from_slice(text);
    }
    plain
}

/// PostgreSQL has checked the text when it was stored, and yet it is checked again: the kind of
/// a column comes from a catalog that may be younger than the row, and one wrong byte would
/// break, or forge, the members after it in a body that we sign. It costs about as much as
/// copying the bytes out of the socket did.
fn write_document(text: &[u8], out: &mut Vec<u8>) -> bool {
    if !json::is_document(text) {
        return false;
    }
    match std::str::from_utf8(text) {
        Ok(_) => out.extend_from_slice(text),
        // Only a SQL_ASCII database sends such bytes; JSON has them inside strings only, and
        // the replacement takes no ASCII byte with it.
        Err(_) => out.extend_from_slice(String::from_utf8_lossy(text).as_bytes()),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: &Kind, text: &str) -> String {
        written(kind, Options::default(), text.as_bytes())
    }

    fn written(kind: &Kind, options: Options, text: &[u8]) -> String {
        let mut out = Vec::new();
        write_json(kind, options, text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn scalars_take_the_forms_of_the_contract() {
        for (kind, text, expected) in [
            (Kind::Bool, "t", "true"),
            (Kind::Bool, "f", "false"),
            (Kind::Number, "-2147483648", "-2147483648"),
            (Kind::Int8, "9223372036854775807", "\"9223372036854775807\""),
            (Kind::Numeric, "1.10", "\"1.10\""),
            (Kind::Numeric, "NaN", "\"NaN\""),
            (Kind::Float, "1e+20", "1e+20"),
            (Kind::Float, "-0", "-0"),
            (Kind::Float, "0.30000000000000004", "0.30000000000000004"),
            (Kind::Float, "NaN", "\"NaN\""),
            (Kind::Float, "-Infinity", "\"-Infinity\""),
            (Kind::Text, "P1Y2M3DT4H", "\"P1Y2M3DT4H\""),
            (Kind::Text, "a\"\\\n\u{1}é", "\"a\\\"\\\\\\n\\u0001é\""),
        ] {
            assert_eq!(json(&kind, text), expected, "{kind:?} {text}");
        }
    }

    #[test]
    fn int8_is_a_number_only_where_the_user_says_so() {
        let options = Options { int8_as_number: true };
        assert_eq!(written(&Kind::Int8, options, b"-9007199254740993"), "-9007199254740993");
        assert_eq!(written(&Kind::Numeric, options, b"12"), "\"12\"");
    }

    #[test]
    fn json_is_verbatim_with_order_duplicates_and_number_text() {
        let text = "{\"b\":1.10,  \"a\":[1e400, {\"b\":null}],\n\"b\":\"\\ud800\"}";
        assert_eq!(json(&Kind::Json, text), text);
    }

    #[test]
    fn json_that_is_none_becomes_a_string_and_cannot_break_the_body() {
        for text in ["", "{", "1,2", "\"a\" \"b\"", "{\"a\":1}}", "[1,]", "01", "nul", "\"\n\""] {
            let out = json(&Kind::Json, text);
            let read: String = serde_json::from_str(&out).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let out = written(&Kind::Json, Options::default(), b"{\"a\":\"x\xff\"}");
        assert_eq!(out, "{\"a\":\"x\u{fffd}\"}");
        assert_eq!(written(&Kind::Text, Options::default(), b"\xe4\xbd"), "\"\u{fffd}\"");
    }

    #[test]
    fn text_of_another_type_falls_back_to_a_string() {
        for kind in [Kind::Bool, Kind::Number, Kind::Float, Kind::TimestampTz, Kind::Timestamp] {
            assert_eq!(json(&kind, "maybe\""), "\"maybe\\\"\"", "{kind:?}");
        }
        assert_eq!(json(&Kind::Number, "1 "), "\"1 \"");
        assert_eq!(json(&Kind::Number, ""), "\"\"");
    }
}
