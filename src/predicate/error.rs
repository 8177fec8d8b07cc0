//! Why there is no value.

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
