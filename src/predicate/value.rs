//! Values while a condition is evaluated, and why there may be none.

use std::borrow::Cow;

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

/// Why PostgreSQL would raise an error here too. Values are not told: they may be hidden ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// `x / 0`
    #[error("division by zero")]
    DivisionByZero,
    /// The result does not fit its type.
    #[error("{0} out of range")]
    OutOfRange(&'static str),
    /// A text is not of the type it is cast to.
    #[error("invalid input syntax for type {0}")]
    BadText(&'static str),
    /// A pattern of `like` ends in the middle.
    #[error("LIKE pattern must not end with escape character")]
    LoneEscape,
    /// A string of a json document that no text can hold.
    #[error("unsupported Unicode escape sequence in a json document")]
    BadEscape,
}

impl EvalError {
    pub(super) const NOT_A_NUMBER: Self = Self::BadText("numeric");
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The WAL does not carry what it depends on.
    NotCarried,
    /// It raises.
    Error(EvalError),
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Self::Error(error)
    }
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

/// Without the white space that input functions pass over.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}
