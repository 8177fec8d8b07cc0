//! A value on its way into a type: where it stands, and what may be said of it.

use std::ops::Range;

use super::fault::Severity;
use super::layers::{Given, Node, Origin};
use super::reader::{Problem, Reader, Spot};

/// A value on its way into a type. Its reads are in `read.rs` and `table.rs`.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) node: &'a Node,
    pub(super) path: String,
    /// The last key of its path as TOML wants it written; empty for an element of a list.
    pub(super) key: String,
    pub(super) pattern: String,
    pub(super) key_span: Option<Range<usize>>,
}

impl<'a> Value<'a> {
    /// The whole configuration.
    pub(super) fn root(reader: &'a Reader<'a>, node: &'a Node) -> Self {
        let (path, key, pattern) = (String::new(), String::new(), String::new());
        Self { reader, node, path, key, pattern, key_span: None }
    }

    /// Keeps a fault at the value. Always `None`, for `return value.refuse(…)`.
    pub(super) fn refuse<T>(&self, problem: Problem) -> Option<T> {
        self.note(Severity::Error, self.spot(), problem);
        None
    }

    /// The same at its key.
    pub(super) fn refuse_key<T>(&self, problem: Problem) -> Option<T> {
        self.note(Severity::Error, self.key_spot(), problem);
        None
    }

    /// Keeps a warning at the value.
    pub(super) fn warn(&self, problem: Problem) {
        self.note(Severity::Warning, self.spot(), problem);
    }

    /// The same at its key.
    pub(super) fn warn_at_key(&self, problem: Problem) {
        self.note(Severity::Warning, self.key_spot(), problem);
    }

    fn note(&self, severity: Severity, spot: Spot, problem: Problem) {
        self.reader.note(severity, spot, &self.path, problem);
    }

    fn spot(&self) -> Spot {
        match &self.node.origin {
            Origin::File(span) => Spot::Span(span.clone()),
            Origin::Variable(name) => Spot::Variable(name.clone()),
            Origin::Default | Origin::Row => Spot::Nowhere,
        }
    }

    fn key_spot(&self) -> Spot {
        self.key_span.clone().map_or_else(|| self.spot(), Spot::Span)
    }

    /// Whether it was given as a list, or as a variable that may be one.
    pub(super) fn is_list(&self) -> bool {
        match (&self.node.given, &self.node.origin) {
            (Given::List(_), _) => true,
            (Given::Text(text), Origin::Variable(_)) => !text.trim_start().starts_with('{'),
            _ => false,
        }
    }

    /// Whether it was given as a table, or as a variable that may be one.
    pub(super) fn is_table(&self) -> bool {
        match (&self.node.given, &self.node.origin) {
            (Given::Table(_), _) => true,
            (Given::Text(text), Origin::Variable(_)) => text.trim_start().starts_with('{'),
            _ => false,
        }
    }

    /// Whether it was given as a table with this member.
    pub(super) fn has_member(&self, key: &str) -> bool {
        matches!(&self.node.given, Given::Table(entries) if entries.iter().any(|entry| entry.key == key))
    }

    /// Whether an empty list was given.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.node.given, Given::List(nodes) if nodes.is_empty())
    }

    /// Lets the value be seen where its line is shown.
    pub(super) fn show(&self) {
        if let Origin::File(span) = &self.node.origin {
            self.reader.show(span.start);
        }
    }

    /// Element `index` of the list that the value is.
    pub(super) fn element<'b>(&'b self, index: usize, node: &'b Node) -> Value<'b> {
        let element = Value {
            reader: self.reader,
            node,
            path: format!("{}[{index}]", self.path),
            key: String::new(),
            pattern: format!("{}[]", self.pattern),
            key_span: None,
        };
        element.keep_place();
        element
    }

    /// Keeps where it stands, for faults that only the database shows.
    pub(super) fn keep_place(&self) {
        if let Spot::Span(span) = self.key_spot() {
            self.reader.keep_place(self.path.clone(), span);
        }
    }
}
