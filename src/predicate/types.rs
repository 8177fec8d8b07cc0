//! The types that conditions know, and which of them PostgreSQL mixes.

use crate::condition::Target;
use crate::value::{Declared, Nature};

/// A type, as far as operators tell types apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A text or null that is written down and has no type yet.
    Unknown,
    Bool,
    Int2,
    Int4,
    Int8,
    Numeric,
    Float4,
    Float8,
    /// text and varchar, which have the same operators.
    Text,
    /// char(n): spaces at the end do not count.
    Bpchar,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Json,
    Jsonb,
    /// An enum, by its oid.
    Enum(u32),
    /// A type that only `is null` works with.
    Opaque,
    /// A type that not even that works with: a row is null if all its columns are.
    Composite,
}

impl Type {
    /// The type of a column.
    pub(super) fn of(declared: Declared) -> Self {
        match (declared.nature, declared.type_oid) {
            (Nature::Enum, oid) => Self::Enum(oid),
            (Nature::Composite, _) | (Nature::Plain, 0) => Self::Composite,
            (Nature::Plain, 16) => Self::Bool,
            (Nature::Plain, 20) => Self::Int8,
            (Nature::Plain, 21) => Self::Int2,
            (Nature::Plain, 23) => Self::Int4,
            (Nature::Plain, 25 | 1043) => Self::Text,
            (Nature::Plain, 114) => Self::Json,
            (Nature::Plain, 700) => Self::Float4,
            (Nature::Plain, 701) => Self::Float8,
            (Nature::Plain, 1042) => Self::Bpchar,
            (Nature::Plain, 1082) => Self::Date,
            (Nature::Plain, 1083) => Self::Time,
            (Nature::Plain, 1114) => Self::Timestamp,
            (Nature::Plain, 1184) => Self::TimestampTz,
            (Nature::Plain, 1700) => Self::Numeric,
            (Nature::Plain, 2950) => Self::Uuid,
            (Nature::Plain, 3802) => Self::Jsonb,
            (Nature::Plain, _) => Self::Opaque,
        }
    }

    /// The type that a cast names.
    pub(super) fn of_target(target: Target) -> Self {
        match target {
            Target::Bool => Self::Bool,
            Target::Int2 => Self::Int2,
            Target::Int4 => Self::Int4,
            Target::Int8 => Self::Int8,
            Target::Numeric => Self::Numeric,
            Target::Float4 => Self::Float4,
            Target::Float8 => Self::Float8,
            Target::Text | Target::Varchar => Self::Text,
            Target::Date => Self::Date,
            Target::Time => Self::Time,
            Target::Timestamp => Self::Timestamp,
            Target::TimestampTz => Self::TimestampTz,
            Target::Uuid => Self::Uuid,
            Target::Json => Self::Json,
            Target::Jsonb => Self::Jsonb,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Text => "text",
            Self::Bpchar => "character(n)",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Enum(_) => "an enum",
            Self::Opaque => "this type",
            Self::Composite => "a row type",
        }
    }

    /// Place in the chain in which each number type is cast to the next without being asked.
    pub(super) fn rank(self) -> Option<u8> {
        match self {
            Self::Int2 => Some(0),
            Self::Int4 => Some(1),
            Self::Int8 => Some(2),
            Self::Numeric => Some(3),
            Self::Float4 => Some(4),
            Self::Float8 => Some(5),
            _ => None,
        }
    }

    pub(super) fn is_integer(self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::Float4 | Self::Float8)
    }

    /// Whether values have a collation.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Bpchar)
    }

    /// The type in which PostgreSQL compares or calculates with numbers of these two.
    pub(super) fn of_numbers(self, other: Self) -> Option<Self> {
        let (a, b) = (self.rank()?, other.rank()?);
        // With a real on one side only, the other side becomes double precision.
        let mixes_float = self != other && (self.is_float() || other.is_float());
        Some(match mixes_float {
            true => Self::Float8,
            false if a >= b => self,
            false => other,
        })
    }

    /// The type of a list of values of these two, as in `coalesce`.
    pub(super) fn in_common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, other) => Some(other),
            (own, Self::Unknown) => Some(own),
            (own, other) if own == other => Some(own),
            (own, other) => match (own.rank()?, other.rank()?) {
                (a, b) if a >= b => Some(own),
                _ => Some(other),
            },
        }
    }
}
