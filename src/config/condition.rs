//! `condition`, wherever it stands. Whether it fits a table, only the database can tell.

use super::reader::Problem;
use super::value::Value;
use crate::condition::Condition;

/// A condition; an empty text is none.
pub(super) fn read(value: &Value<'_>) -> Option<Option<Condition>> {
    let text = value.text()?;
    if text.is_empty() {
        return Some(None);
    }
    match text.parse() {
        Ok(condition) => Some(Some(condition)),
        Err(error) => value.refuse(Problem::new(error.problem, error.fix)),
    }
}
