//! Keys of the contract that this version does not have yet. They are refused, never ignored.

use super::layers::Given;

/// Which values of a key are refused.
enum Refused {
    /// All.
    Any,
    /// All but this text; `""` also lets an empty list or table pass.
    AllBut(&'static str),
}

use Refused::{AllBut, Any};

/// Key pattern (`*` for a name, `[]` for an element) and what of it is refused. What comes to
/// life leaves this list.
const LATER: &[(&str, Refused)] = &[("database.capture", AllBut("wal")), ("console", Any)];

/// What becomes of a key that may be on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not on it, or with a value that this version has: for its reader.
    Known,
    /// On it, with a value that changes nothing.
    Inert,
    /// Refused.
    Refused,
}

/// Looks up the key at `pattern`.
pub(super) fn standing(pattern: &str, given: &Given) -> Standing {
    match LATER.iter().find(|(key, _)| *key == pattern) {
        None => Standing::Known,
        Some((_, AllBut(text))) if is(given, text) => Standing::Inert,
        Some(_) => Standing::Refused,
    }
}

/// Keys of the table at `pattern` that are on the list, for suggestions.
pub(super) fn keys_of(pattern: &str) -> impl Iterator<Item = &'static str> {
    LATER.iter().filter_map(move |(key, _)| match key.rsplit_once('.') {
        Some((table, key)) => (table == pattern).then_some(key),
        None => pattern.is_empty().then_some(*key),
    })
}

fn is(given: &Given, wanted: &str) -> bool {
    match given {
        Given::Text(text) => text == wanted,
        Given::List(elements) => wanted.is_empty() && elements.is_empty(),
        Given::Table(entries) => wanted.is_empty() && entries.is_empty(),
        _ => false,
    }
}
