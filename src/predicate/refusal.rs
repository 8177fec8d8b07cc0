//! Why a condition does not fit a table, and what to write instead.

use super::error::EvalError;

/// Why a condition does not fit a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The table has no such column, or does not publish it.
    #[error("there is no column {name} in what the table publishes")]
    NoColumn {
        /// The name.
        name: String,
    },
    /// Types that do not go together.
    #[error("{what} of {left} and {right} is not supported in conditions")]
    Mixed {
        /// As in "a comparison".
        what: String,
        /// One type.
        left: &'static str,
        /// The other.
        right: &'static str,
    },
    /// Not with values of that type.
    #[error("{what} of {of} is not supported in conditions")]
    Type {
        /// As in "an order".
        what: String,
        /// The type.
        of: &'static str,
    },
    /// No such cast.
    #[error("a cast from {from} to {to} is not supported in conditions")]
    Cast {
        /// The type of what is cast.
        from: &'static str,
        /// The type that is named.
        to: &'static str,
    },
    /// A literal that is not of its type.
    #[error("'{text}' is no {of}")]
    Literal {
        /// As written.
        text: String,
        /// The type.
        of: &'static str,
        /// What is wrong with it.
        #[source]
        error: EvalError,
    },
    /// A literal that is written in another way than walhook reads.
    #[error("'{text}' is not how conditions write a {of}")]
    Spelling {
        /// As written.
        text: String,
        /// The type.
        of: &'static str,
        /// How to write it.
        fix: &'static str,
    },
    /// walhook does not know the collation's rules.
    #[error("{what} depends on a collation that is not C, POSIX or C.UTF-8")]
    Collation {
        /// As in "the order of texts".
        what: &'static str,
    },
    /// Columns of two collations meet.
    #[error("the columns have different collations")]
    Conflict,
    /// A part without columns raises, so that the whole would always.
    #[error("a part of the condition always raises an error")]
    Raises {
        /// What it raises.
        #[source]
        error: EvalError,
    },
    /// The whole is no boolean.
    #[error("the condition is {of}, not boolean")]
    NotBoolean {
        /// What it is.
        of: &'static str,
    },
}

impl BindError {
    /// What to write instead.
    pub fn fix(&self) -> String {
        match self {
            Self::NoColumn { .. } => "correct its name, or publish the column".to_owned(),
            Self::Mixed { .. } => "cast one of the two to the other's type".to_owned(),
            Self::Type { .. } => "compare something else, or a part of it by ->>".to_owned(),
            Self::Cast { from: "json" | "jsonb", to } => {
                format!("take the member as text and cast that: (… ->> 'name')::{to}")
            }
            Self::Cast { .. } => {
                "compare without a cast, or keep the value in a generated column".to_owned()
            }
            Self::Literal { of, .. } => format!("write a {of}"),
            Self::Spelling { fix, .. } => (*fix).to_owned(),
            Self::Collation { .. } | Self::Conflict => {
                "add collate \"C\" to a column, as in new.name collate \"C\"".to_owned()
            }
            Self::Raises { .. } => "correct that part".to_owned(),
            Self::NotBoolean { .. } => "compare it with something".to_owned(),
        }
    }
}
