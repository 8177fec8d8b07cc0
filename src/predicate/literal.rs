//! What is written down, as a value of the type that it stands beside.

use super::cast::read;
use super::error::EvalError;
use super::numeric::Numeric;
use super::refusal::BindError;
use super::time::{self, Zone};
use super::types::Type;
use super::value::{Constant, Value};
use crate::value::json;

/// A number: integer, bigint or numeric, whichever takes it first.
pub(super) fn number(text: &str) -> Result<(Constant, Type), BindError> {
    let integer = text.parse::<i64>().ok().filter(|_| !text.starts_with('+'));
    if let Some(value) = integer {
        let of = if i32::try_from(value).is_ok() { Type::Int4 } else { Type::Int8 };
        return Ok((Constant::Int(value), of));
    }
    let raises = |error| bad(text, Type::Numeric, error);
    let value = Numeric::of_input(text.as_bytes()).map_err(raises)?;
    let constant = Constant::of(Value::Numeric(value)).map_err(raises)?;
    Ok((constant, Type::Numeric))
}

/// A text that is to be of a type.
pub(super) fn text(text: &str, of: Type) -> Result<Constant, BindError> {
    let bytes = text.as_bytes();
    let moment = |value: Option<i64>, fix: &'static str| match value {
        Some(value) => Ok(Constant::Int(value)),
        None => Err(BindError::Spelling { text: text.to_owned(), of: of.name(), fix }),
    };
    match of {
        Type::Text | Type::Bpchar | Type::Enum(_) => Ok(Constant::Text(bytes.to_vec())),
        Type::Date => moment(ordinary(text, time::date), "write it as in '2026-01-31'"),
        Type::Time => moment(time::time(bytes), "write it as in '12:30:00'"),
        Type::Timestamp => {
            let read = |text: &[u8]| {
                let midnight = || time::date(text).and_then(time::midnight_of);
                time::timestamp(text, Zone::None).or_else(midnight)
            };
            moment(ordinary(text, read), "write it as in '2026-01-31 12:30:00'")
        }
        Type::TimestampTz => moment(
            ordinary(text, |text| time::timestamp(text, Zone::Given)),
            "write it with its offset, as in '2026-01-31 12:30:00+00': without one it would \
             depend on the session's time zone",
        ),
        Type::Json if json::is_document(bytes) => Ok(Constant::Text(bytes.to_vec())),
        Type::Json => Err(bad(text, of, EvalError::BadText("json"))),
        Type::Jsonb => document(text),
        Type::Unknown | Type::Opaque | Type::Composite => Err(BindError::Mixed {
            what: "a text".to_owned(),
            left: Type::Unknown.name(),
            right: of.name(),
        }),
        _ => {
            let value = read(bytes, of).map_err(|error| bad(text, of, error))?;
            Constant::of(value).map_err(|error| bad(text, of, error))
        }
    }
}

/// Years before Christ and with five digits may be written in many ways.
fn ordinary(text: &str, read: impl Fn(&[u8]) -> Option<i64>) -> Option<i64> {
    let is_long_year = text.bytes().take(5).filter(u8::is_ascii_digit).count() == 5;
    if is_long_year || text.ends_with("BC") { None } else { read(text.as_bytes()) }
}

/// A document as jsonb keeps it. Objects and arrays would have to be put in its order.
fn document(text: &str) -> Result<Constant, BindError> {
    let bytes = text.trim_ascii().as_bytes();
    if !json::is_document(bytes) {
        return Err(bad(text, Type::Jsonb, EvalError::BadText("jsonb")));
    }
    match bytes.first() {
        Some(b'{' | b'[') if bytes.len() > 2 => Err(BindError::Spelling {
            text: text.to_owned(),
            of: Type::Jsonb.name(),
            fix: "compare its members, by ->>",
        }),
        Some(b'"') => {
            let raises = |_| bad(text, Type::Jsonb, EvalError::BadText("jsonb"));
            let decoded: String = serde_json::from_slice(bytes).map_err(raises)?;
            let is_plain = |c: char| c >= ' ' && c != '"' && c != '\\';
            match decoded.chars().all(is_plain) {
                true => Ok(Constant::Text(format!("\"{decoded}\"").into_bytes())),
                false => Err(BindError::Spelling {
                    text: text.to_owned(),
                    of: Type::Jsonb.name(),
                    fix: "compare it as text, by ->>",
                }),
            }
        }
        Some(b'-' | b'0'..=b'9') => match text_of_number(bytes) {
            Ok(text) => Ok(Constant::Text(text)),
            Err(error) => Err(bad(text, Type::Jsonb, error)),
        },
        _ => Ok(Constant::Text(bytes.to_vec())),
    }
}

fn text_of_number(text: &[u8]) -> Result<Vec<u8>, EvalError> {
    Ok(Numeric::of_input(text)?.to_text()?.into_owned())
}

fn bad(text: &str, of: Type, error: EvalError) -> BindError {
    BindError::Literal { text: text.to_owned(), of: of.name(), error }
}
