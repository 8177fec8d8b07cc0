//! Defaults <- file <- environment, as one tree whose every value knows where it came from.
//!
//! figment decides which layer wins; the values themselves, with their spans, stay in the parsed
//! documents.

use std::ops::Range;

use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::{Environment, variable_of};

/// A value of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) given: Given,
}

/// Who gave a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    /// Nobody.
    Default,
    /// The file, at these bytes.
    File(Range<usize>),
    /// The variable of this name. Its text is read as the key's type wants.
    Variable(String),
    /// A row of a table: it is a tenant's, so it names no variable and no file of ours.
    Row,
}

/// What was given.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Text(String),
    /// `None`: beyond 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Boolean(bool),
    Date,
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands in the file.
    pub(super) key_span: Option<Range<usize>>,
    pub(super) node: Node,
}

impl Node {
    /// The value with the keys of `base` that it does not have itself; in the tables at `deep`
    /// as well.
    pub(super) fn over(&self, base: &Self, deep: &[&str]) -> Self {
        let (Given::Table(own), Given::Table(base)) = (&self.given, &base.given) else {
            return self.clone();
        };
        let has = |key: &str| own.iter().any(|entry| entry.key == key);
        let theirs = base.iter().filter(|entry| !has(&entry.key)).cloned();
        let ours = own.iter().map(|entry| {
            let below = base.iter().find(|other| other.key == entry.key);
            let node = match below.filter(|_| deep.contains(&entry.key.as_str())) {
                Some(below) => entry.node.over(&below.node, &[]),
                None => entry.node.clone(),
            };
            Entry { node, ..entry.clone() }
        });
        let entries = theirs.chain(ours).collect();
        Self { origin: self.origin.clone(), given: Given::Table(entries) }
    }

    /// The value as nobody's: built in, it stands at no place of the file.
    pub(super) fn built_in(self) -> Self {
        let given = match self.given {
            Given::List(nodes) => Given::List(nodes.into_iter().map(Self::built_in).collect()),
            Given::Table(entries) => {
                let entries = entries.into_iter().map(|entry| Entry {
                    key: entry.key,
                    key_span: None,
                    node: entry.node.built_in(),
                });
                Given::Table(entries.collect())
            }
            scalar => scalar,
        };
        Self { origin: Origin::Default, given }
    }
}

type Document<'i> = Spanned<DeValue<'i>>;

const DEFAULTS: &str = "defaults";
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";

/// The merged tree of the two documents and the environment.
pub(super) fn merge(
    defaults: &Document<'_>,
    file: &Document<'_>,
    environment: &Environment,
) -> Node {
    let figment = Figment::new()
        .merge(Layer { name: DEFAULTS, values: dict_of(defaults) })
        .merge(Layer { name: FILE, values: dict_of(file) })
        .merge(Layer { name: ENVIRONMENT, values: variables(environment) });
    let merged = figment.find_value("").expect("layers that are at hand cannot fail");
    let join = Join { figment: &figment };
    join.node(&merged, &mut Vec::new(), Some(file), Some(defaults))
}

/// The tree of one document.
pub(super) fn node_of(value: &Document<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Node {
    let given = match value.get_ref() {
        DeValue::String(text) => Given::Text(text.clone().into_owned()),
        DeValue::Integer(number) => {
            Given::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(number) => Given::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Given::Boolean(*flag),
        DeValue::Datetime(_) => Given::Date,
        DeValue::Array(elements) => {
            Given::List(elements.iter().map(|element| node_of(element, origin)).collect())
        }
        DeValue::Table(table) => Given::Table(in_order(table.iter().map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_span: Some(key.span()),
            node: node_of(value, origin),
        }))),
    };
    Node { origin: origin(value.span()), given }
}

fn in_order(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by_key(|entry| entry.key_span.as_ref().map(|span| span.start));
    entries
}

struct Join<'a> {
    figment: &'a Figment,
}

impl Join<'_> {
    /// Follows `merged` through the documents that may have given it.
    fn node<'m>(
        &self,
        merged: &'m Value,
        path: &mut Vec<&'m str>,
        file: Option<&Document<'_>>,
        defaults: Option<&Document<'_>>,
    ) -> Node {
        let Value::Dict(tag, children) = merged else {
            return self.leaf(merged, path, file, defaults);
        };
        let entries = in_order(children.iter().map(|(key, child)| {
            let (key_span, in_file) = member(file, key);
            path.push(key);
            let node = self.node(child, path, in_file, member(defaults, key).1);
            path.pop();
            Entry { key: key.clone(), key_span, node }
        }));
        let origin = match (file, self.layer(*tag)) {
            (Some(table), _) if table.get_ref().is_table() => Origin::File(table.span()),
            (_, Some(ENVIRONMENT)) => Origin::Variable(variable_of(path.iter().copied())),
            _ => Origin::Default,
        };
        Node { origin, given: Given::Table(entries) }
    }

    fn leaf(
        &self,
        merged: &Value,
        path: &[&str],
        file: Option<&Document<'_>>,
        defaults: Option<&Document<'_>>,
    ) -> Node {
        match (self.layer(merged.tag()), file, defaults, merged.as_str()) {
            (Some(FILE), Some(value), ..) => node_of(value, &Origin::File),
            (Some(ENVIRONMENT), _, _, Some(text)) => Node {
                origin: Origin::Variable(variable_of(path.iter().copied())),
                given: Given::Text(text.to_owned()),
            },
            (_, _, Some(value), _) => node_of(value, &|_| Origin::Default),
            _ => Node { origin: Origin::Default, given: Given::Text(String::new()) },
        }
    }

    fn layer(&self, tag: Tag) -> Option<&str> {
        self.figment.get_metadata(tag).map(|metadata| metadata.name.as_ref())
    }
}

/// The member `key` of a table.
fn member<'a, 'i>(
    table: Option<&'a Document<'i>>,
    key: &str,
) -> (Option<Range<usize>>, Option<&'a Document<'i>>) {
    table
        .and_then(|table| table.get_ref().as_table()?.get_key_value(key))
        .map_or((None, None), |(key, value)| (Some(key.span()), Some(value)))
}

struct Layer {
    name: &'static str,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// What figment needs of a document: which keys it has. The values are looked up afterwards.
fn dict_of(document: &Document<'_>) -> Dict {
    document.get_ref().as_table().map(shape).unwrap_or_default()
}

fn shape(table: &DeTable<'_>) -> Dict {
    table
        .iter()
        .map(|(key, value)| {
            let shape = match value.get_ref() {
                DeValue::Table(inner) => Value::from(shape(inner)),
                _ => Value::from(true),
            };
            (key.get_ref().clone().into_owned(), shape)
        })
        .collect()
}

fn variables(environment: &Environment) -> Dict {
    let mut root = Dict::new();
    for (path, text) in environment.settings() {
        set(&mut root, &path, text);
    }
    root
}

fn set(table: &mut Dict, path: &[String], text: &str) {
    let Some((key, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.insert(key.clone(), Value::from(text));
        return;
    }
    let inner = table.entry(key.clone()).or_insert_with(|| Value::from(Dict::new()));
    if !matches!(inner, Value::Dict(..)) {
        // Both WALHOOK_A__B and WALHOOK_A__B__C: the reader of `a.b` will refuse the table.
        *inner = Value::from(Dict::new());
    }
    if let Value::Dict(_, inner) = inner {
        set(inner, rest, text);
    }
}
