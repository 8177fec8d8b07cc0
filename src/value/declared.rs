//! What the catalog says of a column, as far as comparing its values needs it.

/// A column's type and collation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `pg_type.oid` of the type, or of what lies beneath its domains; 0 where unknown.
    pub type_oid: u32,
    /// What kind of type that is.
    pub nature: Nature,
    /// Oid of the collation; 0 where the type has none or nobody knows.
    pub collation: u32,
    /// What is known of that collation.
    pub order: TextOrder,
}

/// Kinds of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nature {
    /// Neither of the others.
    #[default]
    Plain,
    /// An enum: its text says which label.
    Enum,
    /// A row type.
    Composite,
}

/// How far texts can be compared outside of PostgreSQL with the outcome that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextOrder {
    /// Not at all: nondeterministic, or not known.
    #[default]
    None,
    /// Equal bytes are equal texts, and nothing else is.
    Equality,
    /// By bytes too, but case is folded by rules of its own: C.UTF-8.
    Bytes,
    /// By bytes, and only ASCII has cases: C and POSIX.
    Plain,
}

impl TextOrder {
    /// The word by which `sql/queries/catalog_relations.sql` calls it.
    pub fn of_word(word: &str) -> Self {
        match word {
            "plain" => Self::Plain,
            "bytes" => Self::Bytes,
            "equality" => Self::Equality,
            _ => Self::None,
        }
    }
}
