//! A step with its type, and how it takes another.

use super::cast;
use super::collation::Mark;
use super::error::Stop;
use super::eval::evaluate;
use super::literal;
use super::node::Node;
use super::refusal::BindError;
use super::types::Type;
use super::value::Constant;
use super::{Field, Row};
use crate::condition::Side;

/// A step, and what is known of its values.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) of: Type,
    pub(super) mark: Mark,
}

impl Typed {
    pub(super) fn new(node: Node, of: Type, mark: Mark) -> Self {
        let mark = if of.is_text() || of == Type::Unknown { mark } else { Mark::None };
        Self { node, of, mark }
    }

    /// Whether it is the same for every row.
    pub(super) fn is_constant(&self) -> bool {
        matches!(self.node, Node::Constant(_))
    }

    /// Evaluates what is the same for every row. PostgreSQL does so too when it plans, and
    /// raises then.
    pub(super) fn folded(self, parts_are_constant: bool) -> Result<Self, BindError> {
        if !parts_are_constant {
            return Ok(self);
        }
        let constant = match evaluate(&self.node, &Nobody) {
            Ok(value) => Constant::of(value).map_err(|error| BindError::Raises { error })?,
            Err(Stop::Error(error)) => return Err(BindError::Raises { error }),
            Err(Stop::NotCarried) => return Ok(self),
        };
        Ok(Self { node: Node::Constant(constant), ..self })
    }

    /// Whether it is null for every row.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.node, Node::Constant(Constant::Null))
    }

    /// An operator over `parts` that is null if one of them is: where one always is,
    /// PostgreSQL never asks the other.
    pub(super) fn strict(self, parts: [(bool, bool); 2]) -> Result<Self, BindError> {
        match parts.iter().any(|(_, is_null)| *is_null) {
            true => Ok(Self { node: Node::Constant(Constant::Null), ..self }),
            false => self.folded(parts.iter().all(|(is_constant, _)| *is_constant)),
        }
    }

    /// Whether it is a constant, and whether it is null for every row.
    pub(super) fn standing(&self) -> (bool, bool) {
        (self.is_constant(), self.is_null())
    }

    /// The same as `to`, where PostgreSQL takes it so without being asked.
    pub(super) fn coerced(self, to: Type, what: &str) -> Result<Self, BindError> {
        if self.of == to {
            return Ok(self);
        }
        let mixed =
            BindError::Mixed { what: what.to_owned(), left: self.of.name(), right: to.name() };
        if self.of == Type::Unknown {
            let node = match self.node {
                Node::Constant(Constant::Text(text)) => {
                    let text = String::from_utf8_lossy(&text);
                    Node::Constant(literal::text(&text, to)?)
                }
                // Null.
                other => other,
            };
            return Ok(Self::new(node, to, self.mark));
        }
        match (self.of.rank(), to.rank()) {
            (Some(from), Some(rank)) if from < rank => self.cast(to),
            _ => Err(mixed),
        }
    }

    /// The same by a cast, which is known.
    pub(super) fn cast(self, to: Type) -> Result<Self, BindError> {
        debug_assert!(cast::is_known(self.of, to));
        let (is_constant, from, mark) = (self.is_constant(), self.of, self.mark);
        let node = Node::Cast(from, to, Box::new(self.node));
        Self::new(node, to, mark).folded(is_constant)
    }
}

/// The row of what needs none.
struct Nobody;

impl<'a> Row<'a> for Nobody {
    fn field(&self, _: Side, _: usize) -> Field<'a> {
        Field::NotCarried
    }

    fn event(&self) -> &'static str {
        ""
    }
}
