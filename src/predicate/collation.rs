//! Which collation an operator would use, by PostgreSQL's rules.

use super::refusal::BindError;
use crate::value::{Declared, TextOrder};

/// `pg_collation.oid` of the database's own.
const DEFAULT: u32 = 100;

/// Where a text's collation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is no text.
    None,
    /// Nothing says otherwise: the database's.
    Default(TextOrder),
    /// A column's own.
    Column(u32, TextOrder),
    /// Two columns do not agree.
    Conflict,
    /// `collate "C"`.
    C,
}

impl Mark {
    pub(super) fn of(declared: Declared) -> Self {
        match declared.collation {
            0 => Self::Column(0, TextOrder::None),
            DEFAULT => Self::Default(declared.order),
            oid => Self::Column(oid, declared.order),
        }
    }

    /// Of an operator over both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, mark) | (mark, Self::None) => mark,
            (Self::C, _) | (_, Self::C) => Self::C,
            (Self::Conflict, _) | (_, Self::Conflict) => Self::Conflict,
            (Self::Default(_), mark) | (mark, Self::Default(_)) => mark,
            (Self::Column(a, _), Self::Column(b, _)) if a != b => Self::Conflict,
            (mark, _) => mark,
        }
    }

    /// Refuses what needs more than is known: `what` as in "the order of texts".
    pub(super) fn require(self, wanted: TextOrder, what: &'static str) -> Result<(), BindError> {
        let known = match self {
            Self::None | Self::C => TextOrder::Plain,
            Self::Default(order) | Self::Column(_, order) => order,
            Self::Conflict => return Err(BindError::Conflict),
        };
        if known >= wanted { Ok(()) } else { Err(BindError::Collation { what }) }
    }
}
