//! Where in a template something is.

use std::fmt;

use minijinja::Error;

/// A line and a column, in characters, both from 1; the default is the template as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line; 0 where it is not known.
    pub line: usize,
    /// The column; 0 where it is not known.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` of `source`.
    pub(super) fn of_offset(source: &str, offset: usize) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }

    /// The place of `error` in `source`.
    pub(super) fn of_error(source: &str, error: &Error) -> Self {
        match (error.range(), error.line()) {
            (Some(range), _) => Self::of_offset(source, range.start),
            (None, Some(line)) => Self { line, column: 0 },
            (None, None) => Self::default(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str("as a whole"),
            (line, 0) => write!(f, "line {line}"),
            (line, column) => write!(f, "line {line}, column {column}"),
        }
    }
}
