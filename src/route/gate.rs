//! Conditions on a relation's events: bound with its plan, asked of each change.

use std::sync::Arc;

use super::row::{Delta, Known, View};
use super::{EventKind, Hold};
use crate::change::{Row, Table};
use crate::condition::{Condition, Side};
use crate::predicate::{self, Columns, EvalError, Field, Judgement, Predicate};

/// A condition of a plan, or none.
pub(super) enum Gate {
    /// There is none.
    Open,
    /// To be asked.
    Predicate(Box<Predicate>),
    /// It does not fit the relation as it is.
    Unfit(Arc<Hold>),
}

/// What a gate says of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// True.
    Pass,
    /// False or null.
    Stop,
    /// It depends on values that the WAL does not carry.
    Unknown,
    /// It raises.
    Fails(EvalError),
    /// It cannot be asked before the configuration is mended.
    Held,
}

impl Gate {
    /// Binds the condition of `whose`, as in "model store.Order".
    pub(super) fn bind(condition: Option<&Condition>, table: &Table, whose: &str) -> Self {
        let Some(condition) = condition else { return Self::Open };
        let columns = table.columns.iter().map(|column| (column.name.as_str(), column.declared));
        let columns: Vec<_> = columns.collect();
        let columns = Columns { columns: &columns, order: table.order };
        match Predicate::bind(condition, columns) {
            Ok(predicate) => Self::Predicate(Box::new(predicate)),
            Err(error) => Self::Unfit(Arc::new(Hold::ConditionUnfit {
                table: format!("{}.{}", table.schema, table.name),
                whose: whose.to_owned(),
                problem: error.to_string(),
            })),
        }
    }

    pub(super) fn judge(&self, subject: &Subject<'_>) -> Verdict {
        match self {
            Self::Open => Verdict::Pass,
            Self::Unfit(_) => Verdict::Held,
            Self::Predicate(predicate) => match predicate.judge(subject) {
                Judgement::True => Verdict::Pass,
                Judgement::False | Judgement::Null => Verdict::Stop,
                Judgement::NotCarried => Verdict::Unknown,
                Judgement::Error(error) => Verdict::Fails(error),
            },
        }
    }

    pub(super) fn hold(&self) -> Option<&Arc<Hold>> {
        match self {
            Self::Unfit(hold) => Some(hold),
            Self::Open | Self::Predicate(_) => None,
        }
    }
}

/// The change that conditions are asked of.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) row: &'a Row,
    pub(super) view: View<'a>,
}

impl<'a> predicate::Row<'a> for Subject<'a> {
    fn field(&self, side: Side, column: usize) -> Field<'a> {
        let known = match (side, self.row) {
            (Side::New, Row::Insert { .. } | Row::Update { .. }) => self.view.value(column),
            (Side::Old, Row::Delete { .. }) => self.view.old_value(column),
            (Side::Old, Row::Update { .. }) => match self.view.old_value(column) {
                Known::Value(value) => Known::Value(value),
                // What is known not to have changed, was what it is.
                _ if self.view.delta(column) == Delta::Same => self.view.value(column),
                unknown => unknown,
            },
            // There is no such row.
            (Side::New, Row::Delete { .. } | Row::Truncate)
            | (Side::Old, Row::Insert { .. } | Row::Truncate) => return Field::Null,
        };
        match known {
            Known::Value(Some(text)) => Field::Text(text),
            Known::Value(None) => Field::Null,
            Known::Unavailable | Known::Absent => Field::NotCarried,
        }
    }

    fn event(&self) -> &'static str {
        EventKind::of(self.row).as_str()
    }
}
