//! Conditions bound to a table: what is asked of every row, straight from the tuple's text.
//!
//! Binding gives every operator the types that PostgreSQL would, and refuses by name whatever
//! could come out otherwise than there. Evaluating makes no document and asks nobody.

mod bind;
mod cast;
mod collation;
mod document;
mod error;
mod eval;
mod float;
mod like;
mod literal;
mod node;
mod numeric;
mod refusal;
mod text;
mod time;
mod typed;
mod types;
mod value;

use crate::condition::{Condition, Side};
use crate::value::{Declared, TextOrder};

pub use error::EvalError;
pub use refusal::BindError;

use error::Stop;
use node::Node;
use value::Value;

/// What of a table a condition may name.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Name and declaration of each, in the order of the tuples.
    pub columns: &'a [(&'a str, Declared)],
    /// What is known of the database's own collation.
    pub order: TextOrder,
}

/// A condition ready to be asked.
#[derive(Clone, Debug)]
pub struct Predicate {
    root: Node,
}

/// A row before and after, as far as it is known.
pub trait Row<'a> {
    /// The text of a column. Of a row that is not there, null.
    fn field(&self, side: Side, column: usize) -> Field<'a>;

    /// `created`, `updated`, …
    fn event(&self) -> &'static str;
}

/// A column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// SQL null.
    Null,
    /// The WAL does not tell.
    NotCarried,
    /// PostgreSQL's text of it.
    Text(&'a [u8]),
}

/// What a condition says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// True.
    True,
    /// False.
    False,
    /// Null: neither, which selects nothing.
    Null,
    /// It depends on what the WAL does not carry.
    NotCarried,
    /// It raises.
    Error(EvalError),
}

impl Predicate {
    /// Binds `condition` to a table.
    ///
    /// # Errors
    /// [`BindError`] where a column is missing or types do not fit, and where walhook could not
    /// be sure to agree with PostgreSQL.
    pub fn bind(condition: &Condition, columns: Columns<'_>) -> Result<Self, BindError> {
        bind::bind(condition.expression(), columns).map(|root| Self { root })
    }

    /// Asks.
    pub fn judge<'a>(&'a self, row: &impl Row<'a>) -> Judgement {
        match eval::evaluate(&self.root, row) {
            Ok(Value::Bool(true)) => Judgement::True,
            Ok(Value::Bool(false)) => Judgement::False,
            Ok(_) => Judgement::Null,
            Err(Stop::NotCarried) => Judgement::NotCarried,
            Err(Stop::Error(error)) => Judgement::Error(error),
        }
    }
}
