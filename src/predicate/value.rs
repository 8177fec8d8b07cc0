//! Values while a condition is evaluated, and before.

use std::borrow::Cow;

use super::error::EvalError;
use super::numeric::Numeric;

/// A value; its type is known to whoever holds it.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// SQL null, of any type.
    Null,
    /// boolean
    Bool(bool),
    /// Integers; dates, times and timestamps as `time.rs` counts them.
    Int(i64),
    /// double precision, and real as the same number.
    Float(f64),
    /// numeric
    Numeric(Numeric<'a>),
    /// Texts, and what is compared by its text: uuid, enums, documents.
    Text(Cow<'a, [u8]>),
}

impl Value<'_> {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A value that is known before any row is.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    /// See [`Value::Null`].
    Null,
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Int`].
    Int(i64),
    /// See [`Value::Float`].
    Float(f64),
    /// As PostgreSQL writes it: a column's value is compared with it as text.
    Numeric(Vec<u8>),
    /// See [`Value::Text`].
    Text(Vec<u8>),
}

impl Constant {
    pub(super) fn of(value: Value<'_>) -> Result<Self, EvalError> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Float(value) => Self::Float(value),
            Value::Numeric(value) => Self::Numeric(value.to_text()?.into_owned()),
            Value::Text(text) => Self::Text(text.into_owned()),
        })
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Numeric(text) => Value::Numeric(Numeric::of_output(text)),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
        }
    }
}
