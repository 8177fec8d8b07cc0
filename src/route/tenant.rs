//! Whose a row is, where the model has a column that says so. Where the WAL does not tell, it is
//! nobody's: walhook would rather be silent than tell the wrong tenant.

use super::row::{Known, View};
use crate::change::Table;
use crate::endpoint::{Endpoint, Reach, glob_matches};

/// How a table's rows are divided among tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenancy {
    /// Not at all.
    Shared,
    /// By this column.
    Column(usize),
    /// By a column that the table does not have.
    ColumnMissing,
}

/// Whose a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// Every tenant's.
    Everybody,
    /// That of the tenant with this key.
    Key(&'a [u8]),
    /// Not known, or no tenant's.
    Nobody,
}

impl Tenancy {
    /// How rows of `table` are divided by the column of this name.
    pub(super) fn of(table: &Table, column: Option<&str>) -> Self {
        let Some(name) = column else { return Self::Shared };
        let place = table.columns.iter().position(|column| column.name == name);
        place.map_or(Self::ColumnMissing, Self::Column)
    }

    /// Whose the change is: the row's as it is now, or as it was if it is gone.
    pub(super) fn owner<'a>(self, view: &View<'a>) -> Owner<'a> {
        match self {
            Self::Shared => Owner::Everybody,
            Self::ColumnMissing => Owner::Nobody,
            Self::Column(column) => match view.value(column) {
                Known::Value(Some(key)) => Owner::Key(key),
                Known::Value(None) | Known::Unavailable | Known::Absent => Owner::Nobody,
            },
        }
    }
}

impl Owner<'_> {
    /// Whether the endpoint's tenant may hear of it.
    pub(super) fn includes(self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Everybody => true,
            Self::Key(key) => {
                endpoint.reach.key.as_deref().is_some_and(|own| own.as_bytes() == key)
            }
            Self::Nobody => false,
        }
    }
}

/// Whether the tenant may receive events of this label, or of this custom type.
pub(super) fn reaches(reach: &Reach, label: &str) -> bool {
    reach.models.iter().any(|glob| glob_matches(glob, label))
}
