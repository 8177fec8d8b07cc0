//! What one endpoint may see of one table: names of the filter bound to columns.
//!
//! Fails closed. A name that exclude or redact gives and that no longer finds its column holds
//! the table's events for the endpoint; their bodies then have only columns of the last good
//! relation, by attribute number, so that a renamed column keeps its old name's treatment.

use std::sync::Arc;

use super::paths::{Action, Node};
use super::select::lists_for;
use super::{BoundModel, Hold, KnownColumn};
use crate::change::Table;
use crate::endpoint::Filter;
use crate::value::string;

/// One column as an endpoint sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Index in the relation.
    pub(super) column: usize,
    /// `"name":`, escaped.
    pub(super) key: Vec<u8>,
    /// How the value is shown.
    pub(super) show: Show,
}

/// How a value is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// As it is.
    Plain,
    /// As this JSON string, whatever it is.
    Masked(Vec<u8>),
    /// Filtered inside its documents.
    Filtered(Node),
}

/// Everything that makes the bodies of two endpoints differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Visible {
    /// Columns of `object` and `changes`, in order.
    pub(super) fields: Vec<Field>,
    /// Members of `user`, from columns.
    pub(super) user: Vec<Field>,
    /// Why the events must wait.
    pub(super) hold: Option<Arc<Hold>>,
    /// Columns that only the hold keeps out: a change of one of them is still an event.
    pub(super) withheld: Vec<usize>,
}

/// A table, what the configuration says of it, and what it was when all names were found.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) table: &'a Table,
    pub(super) model: &'a BoundModel,
    pub(super) good: &'a [KnownColumn],
}

/// The filter bound to the columns of the relation, one node each.
struct Bound {
    nodes: Vec<Node>,
    hold: Option<Hold>,
    /// A missing name was not in the last good relation either: nothing can be trusted.
    only_key: bool,
}

impl Subject<'_> {
    /// Binds `filter` to the table.
    pub(super) fn visible(&self, filter: &Filter) -> Visible {
        let bound = self.bind(filter);
        let mut withheld = Vec::new();
        let mut fields = Vec::new();
        for (index, (column, node)) in self.table.columns.iter().zip(&bound.nodes).enumerate() {
            let Some(show) = self.show(index, node) else { continue };
            if self.may_show(index, &bound) {
                fields.push(Field { column: index, key: json_key(&column.name), show });
            } else {
                withheld.push(index);
            }
        }
        let user = self.user(&bound);
        Visible { fields, user, hold: bound.hold.map(Arc::new), withheld }
    }

    /// Include lists say what of the row is shown; who did it is the model's to say. Exclude and
    /// redact hold here too.
    fn user(&self, bound: &Bound) -> Vec<Field> {
        let fields = self.model.user.iter().filter_map(|(name, column)| {
            let column =
                self.column_named(column).filter(|column| self.may_show(*column, bound))?;
            let show = self.show(column, &bound.nodes[column].included_whole())?;
            Some(Field { column, key: json_key(name), show })
        });
        fields.collect()
    }

    fn bind(&self, filter: &Filter) -> Bound {
        let mut bound = Bound { nodes: Vec::new(), hold: None, only_key: false };
        bound.nodes.resize_with(self.table.columns.len(), Node::default);
        self.include(filter, &mut bound.nodes);
        for (own, names) in lists_for(&filter.exclude_fields, &self.model.label) {
            for name in names {
                for (column, path) in self.find(own, name, &mut bound) {
                    bound.nodes[column].act(path, Action::Hide);
                }
            }
        }
        for (own, masks) in lists_for(&filter.redact_fields, &self.model.label) {
            for (name, mask) in masks {
                for (column, path) in self.find(own, name, &mut bound) {
                    bound.nodes[column].act(path, Action::Mask(json_string(mask)));
                }
            }
        }
        bound
    }

    /// A list for the label itself restricts even when it is empty; an empty one for every
    /// model says nothing. A name that is not found shows nothing and so needs no hold.
    fn include(&self, filter: &Filter, nodes: &mut [Node]) {
        let mut restricted = false;
        for (own, names) in lists_for(&filter.include_fields, &self.model.label) {
            restricted |= own || !names.is_empty();
            for name in names {
                if let Some((column, path)) = locate(name, |name| self.column_named(name)) {
                    nodes[column].include(path);
                }
            }
        }
        if !restricted {
            nodes.iter_mut().for_each(|node| node.included = true);
        }
    }

    /// The columns, with the path inside each, to which a name of exclude or redact applies.
    /// Sets the hold where the name has lost its column.
    fn find<'n>(&self, own: bool, name: &'n str, bound: &mut Bound) -> Vec<(usize, &'n str)> {
        let now = locate(name, |name| self.column_named(name));
        let was = locate(name, |name| {
            self.good.iter().find(|known| known.name == name).map(|known| known.attnum)
        });
        let mut found = Vec::from_iter(now);
        match (now, was) {
            (None, None) => {
                if own {
                    let column = name.split('.').next().unwrap_or(name);
                    bound.hold.get_or_insert_with(|| self.missing(column));
                    bound.only_key = true;
                }
            }
            (Some(_), None) => {}
            (_, Some((attnum, path))) => {
                let column = name.strip_suffix(path).unwrap_or(name).trim_end_matches('.');
                let moved =
                    self.column_with(attnum).filter(|&at| now.is_none_or(|now| now.0 != at));
                found.extend(moved.map(|at| (at, path)));
                if let Some(at) = moved {
                    bound.hold.get_or_insert_with(|| self.renamed(column, at));
                } else if now.is_none() {
                    bound.hold.get_or_insert_with(|| self.missing(column));
                }
            }
        }
        found
    }

    fn missing(&self, column: &str) -> Hold {
        Hold::ColumnMissing { table: self.table_name(), column: column.to_owned() }
    }

    fn renamed(&self, column: &str, at: usize) -> Hold {
        let to = self.table.columns[at].name.clone();
        Hold::ColumnRenamed { table: self.table_name(), column: column.to_owned(), to }
    }

    fn table_name(&self) -> String {
        format!("{}.{}", self.table.schema, self.table.name)
    }

    fn may_show(&self, column: usize, bound: &Bound) -> bool {
        let column = &self.table.columns[column];
        match bound.hold {
            None => true,
            Some(_) if bound.only_key => column.in_primary_key,
            Some(_) => {
                column.attnum != 0 && self.good.iter().any(|known| known.attnum == column.attnum)
            }
        }
    }

    /// `None` where the column is not shown at all. A path into a column that holds no JSON
    /// cannot be followed, so that column is hidden whole.
    fn show(&self, column: usize, node: &Node) -> Option<Show> {
        match &node.action {
            Some(Action::Hide) => None,
            _ if !node.is_visible() => None,
            Some(Action::Mask(mask)) => Some(Show::Masked(mask.clone())),
            None if node.included && !node.acts_below() => Some(Show::Plain),
            None if self.table.columns[column].kind.holds_json() => {
                Some(Show::Filtered(node.clone()))
            }
            None => None,
        }
    }

    fn column_named(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|column| column.name == name)
    }

    fn column_with(&self, attnum: i16) -> Option<usize> {
        let columns = &self.table.columns;
        columns.iter().position(|column| attnum != 0 && column.attnum == attnum)
    }
}

/// A name is a column if one is called exactly so, else a dotted path into one.
fn locate<T>(name: &str, column: impl Fn(&str) -> Option<T>) -> Option<(T, &str)> {
    let whole = column(name).map(|found| (found, ""));
    whole.or_else(|| {
        let mut dots = name.rmatch_indices('.');
        dots.find_map(|(dot, _)| Some((column(&name[..dot])?, &name[dot + 1..])))
    })
}

fn json_string(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    string::write(text.as_bytes(), &mut out);
    out
}

fn json_key(name: &str) -> Vec<u8> {
    let mut out = json_string(name);
    out.push(b':');
    out
}
