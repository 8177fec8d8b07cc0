//! A condition bound to a table: a tree of steps that need no look at types any more.

use super::document::Dialect;
use super::types::Type;
use super::value::Constant;
use crate::condition::{Case, Comparison, Function, Negated, Operator, Shape, Side};

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(Constant),
    Event,
    /// A column's value, read as its type.
    Column(Side, usize, Type),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    IsNull(Box<Node>, Negated),
    /// Whether it is this boolean.
    IsBool(Box<Node>, bool, Negated),
    Compare(Comparison, Class, Box<[Node; 2]>),
    Distinct(Class, Box<[Node; 2]>, Negated),
    /// One value against several: all of the tests, or any.
    Tests(Box<Node>, Vec<Test>, Quantity),
    Like(Box<[Node; 2]>, Case, Negated),
    Arithmetic(Operator, Type, Box<[Node; 2]>),
    Negate(Type, Box<Node>),
    Cast(Type, Type, Box<Node>),
    /// A function, and the type of its argument.
    Call(Function, Type, Box<Node>),
    Coalesce(Vec<Node>),
    Member(Dialect, Key, Box<[Node; 2]>, Shape),
}

/// `needle comparison other`.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// What the needle is and becomes.
    pub(super) lift: (Type, Type),
    pub(super) comparison: Comparison,
    pub(super) class: Class,
    pub(super) other: Node,
}

/// How many tests must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    All,
    Any,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Bool,
    Int,
    Float,
    Numeric,
    /// By bytes.
    Text,
    /// By bytes, without spaces at the end.
    Padded,
    /// Whether documents are equal.
    Document,
}

/// What leads into a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Name,
    Index,
}
