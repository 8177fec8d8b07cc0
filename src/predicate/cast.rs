//! From one type to another.

use std::borrow::Cow;

use super::error::EvalError;
use super::float::Width;
use super::numeric::Numeric;
use super::text::trimmed;
use super::time;
use super::types::Type;
use super::value::Value;

/// Whether values can be taken from one type to the other as PostgreSQL would, whatever its
/// settings are.
pub(super) fn is_known(from: Type, to: Type) -> bool {
    use Type::{
        Bool, Bpchar, Date, Enum, Float4, Float8, Int2, Int4, Int8, Json, Jsonb, Numeric, Text,
        Timestamp, Uuid,
    };
    from == to
        || matches!(
            (from, to),
            (
                Int2 | Int4 | Int8 | Numeric | Float4 | Float8 | Text,
                Int2 | Int4 | Int8 | Numeric | Float4 | Float8
            ) | (Int4 | Text, Bool)
                | (Bool, Int4)
                | (
                    Bool | Int2
                        | Int4
                        | Int8
                        | Numeric
                        | Float4
                        | Float8
                        | Bpchar
                        | Uuid
                        | Json
                        | Jsonb
                        | Enum(_),
                    Text
                )
                | (Text, Uuid)
                | (Date, Timestamp)
                | (Timestamp, Date)
        )
}

/// Takes `value` from one type to another; [`is_known`] has said that it can be.
pub(super) fn cast(value: Value<'_>, (from, to): (Type, Type)) -> Result<Value<'_>, EvalError> {
    if from == to {
        return Ok(value);
    }
    Ok(match value {
        Value::Null => Value::Null,
        Value::Bool(value) if to == Type::Int4 => Value::Int(i64::from(value)),
        Value::Bool(value) => text(if value { "true" } else { "false" }),
        Value::Int(value) => return of_int(value, (from, to)),
        Value::Numeric(value) => return of_numeric(value, to),
        Value::Float(value) => return of_float(value, (width(from), to)),
        Value::Text(value) => return of_text(value, (from, to)),
    })
}

fn width(of: Type) -> Width {
    if of == Type::Float4 { Width::Single } else { Width::Double }
}

fn text(text: impl Into<String>) -> Value<'static> {
    Value::Text(Cow::Owned(text.into().into_bytes()))
}

/// An integer of that type.
pub(super) fn in_range(value: i64, of: Type) -> Result<Value<'static>, EvalError> {
    let fits = match of {
        Type::Int2 => i16::try_from(value).is_ok(),
        Type::Int4 => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits { Ok(Value::Int(value)) } else { Err(EvalError::OutOfRange(of.name())) }
}

fn of_int(value: i64, (from, to): (Type, Type)) -> Result<Value<'static>, EvalError> {
    Ok(match (from, to) {
        (Type::Timestamp, _) => Value::Int(time::day_of(value)),
        (Type::Date, _) => {
            Value::Int(time::midnight_of(value).ok_or(EvalError::OutOfRange("timestamp"))?)
        }
        (_, Type::Numeric) => Value::Numeric(Numeric::of_integer(value)),
        (_, Type::Float4 | Type::Float8) => Value::Float(width(to).of_integer(value)),
        (_, Type::Text) => text(value.to_string()),
        (_, Type::Bool) => Value::Bool(value != 0),
        _ => return in_range(value, to),
    })
}

fn of_numeric(value: Numeric<'_>, to: Type) -> Result<Value<'_>, EvalError> {
    Ok(match to {
        Type::Float4 | Type::Float8 => Value::Float(width(to).read(&value.to_text()?)?),
        Type::Text => Value::Text(Cow::Owned(value.to_text()?.into_owned())),
        _ => match in_range(value.to_integer()?, to)? {
            Value::Int(value) => Value::Int(value),
            _ => Value::Null,
        },
    })
}

fn of_float(value: f64, (from, to): (Width, Type)) -> Result<Value<'static>, EvalError> {
    Ok(match to {
        Type::Float4 | Type::Float8 => Value::Float(width(to).narrow(value)?),
        Type::Numeric => Value::Numeric(from.to_numeric(value)?),
        Type::Text => text(from.to_text(value)),
        _ => {
            let whole = value.round_ties_even();
            // The greatest bigint is no float; the next float is the first that does not fit.
            let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole);
            if !fits {
                return Err(EvalError::OutOfRange(to.name()));
            }
            return in_range(whole as i64, to);
        }
    })
}

fn of_text(value: Cow<'_, [u8]>, (from, to): (Type, Type)) -> Result<Value<'_>, EvalError> {
    Ok(match to {
        Type::Text if from == Type::Bpchar => Value::Text(unpadded(value)),
        Type::Text => Value::Text(value),
        to => return read(&value, to),
    })
}

fn unpadded(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let length = without_padding(&value).len();
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..length]),
        Cow::Owned(mut text) => {
            text.truncate(length);
            Cow::Owned(text)
        }
    }
}

/// A char(n) without what fills it up.
pub(super) fn without_padding(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    &text[..end]
}

/// Reads a text that a user may have written.
pub(super) fn read(text: &[u8], of: Type) -> Result<Value<'static>, EvalError> {
    let bad = EvalError::BadText(of.name());
    Ok(match of {
        Type::Bool => Value::Bool(boolean(trimmed(text)).ok_or(bad)?),
        Type::Int2 | Type::Int4 | Type::Int8 => return integer(trimmed(text), of),
        Type::Numeric => Value::Numeric(Numeric::of_input(text)?),
        Type::Float4 | Type::Float8 => Value::Float(width(of).read(text)?),
        Type::Uuid => Value::Text(Cow::Owned(uuid(text).ok_or(bad)?)),
        _ => return Err(bad),
    })
}

fn integer(text: &[u8], of: Type) -> Result<Value<'static>, EvalError> {
    let digits = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(EvalError::BadText(of.name()));
    }
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    in_range(value.ok_or(EvalError::OutOfRange(of.name()))?, of)
}

fn boolean(text: &[u8]) -> Option<bool> {
    let begins = |word: &str, least: usize| {
        text.len() >= least
            && word.as_bytes().get(..text.len()).is_some_and(|w| w.eq_ignore_ascii_case(text))
    };
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || text == b"1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == b"0" {
        Some(false)
    } else {
        None
    }
}

/// 32 hexadecimal digits, perhaps in braces, perhaps with a hyphen after any four of them.
fn uuid(text: &[u8]) -> Option<Vec<u8>> {
    let inner = match text.strip_prefix(b"{") {
        Some(rest) => rest.strip_suffix(b"}")?,
        None => text,
    };
    let mut digits = Vec::with_capacity(36);
    let mut rest = inner;
    for byte in 0..16 {
        let (pair, after) = rest.split_at_checked(2)?;
        if !pair.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        if matches!(byte, 4 | 6 | 8 | 10) {
            digits.push(b'-');
        }
        digits.extend(pair.iter().map(u8::to_ascii_lowercase));
        rest = match after.strip_prefix(b"-") {
            Some(after) if byte % 2 == 1 && byte < 15 => after,
            _ => after,
        };
    }
    rest.is_empty().then_some(digits)
}
