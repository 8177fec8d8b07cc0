//! Reading the merged tree: every read is checked, every fault is kept, and nothing is shown
//! that was not read as harmless.
//!
//! The calls of [`Table::read`] are the schema: a key that nobody reads is unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use super::environment::Environment;
use super::fault::{Fault, Place, Severity};
use super::later::{self, Standing};
use super::layers::{Entry, Given, Node, Origin};
use super::source::Source;

/// What a whole reading gathers.
pub(super) struct Reader<'a> {
    pub(super) environment: &'a Environment,
    /// Relative paths in the file mean the file's directory.
    pub(super) directory: &'a Path,
    gathered: RefCell<Gathered>,
}

/// What was gathered.
#[derive(Default)]
pub(super) struct Gathered {
    faults: Vec<(Spot, Draft)>,
    shown: BTreeSet<usize>,
    /// Patterns of the keys that were asked for, as in `endpoints[].timeout`.
    pub(super) known: BTreeSet<String>,
    /// Where each key path stands in the file.
    pub(super) places: BTreeMap<String, Range<usize>>,
}

/// Where a fault stands, before it can be shown.
#[derive(Clone, Debug)]
enum Spot {
    Span(Range<usize>),
    Variable(String),
    Nowhere,
}

/// A fault before it can be shown: what may be seen of its line is only known at the end.
struct Draft {
    severity: Severity,
    key: String,
    problem: Problem,
}

/// What is wrong with a value.
pub(super) struct Problem {
    pub(super) problem: String,
    pub(super) given: Option<String>,
    pub(super) allowed: Option<String>,
    pub(super) fix: String,
}

impl Problem {
    /// What is wrong, and what to write instead.
    pub(super) fn new(problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { problem: problem.into(), given: None, allowed: None, fix: fix.into() }
    }

    pub(super) fn allowed(self, allowed: impl Into<String>) -> Self {
        Self { allowed: Some(allowed.into()), ..self }
    }

    /// Only for values that cannot be secrets.
    pub(super) fn given(self, given: impl Into<String>) -> Self {
        Self { given: Some(given.into()), ..self }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment, directory: &'a Path) -> Self {
        Self { environment, directory, gathered: RefCell::default() }
    }

    /// The whole configuration.
    pub(super) fn root<'b>(&'b self, node: &'b Node) -> Value<'b> {
        Value {
            reader: self,
            node,
            path: String::new(),
            key: String::new(),
            pattern: String::new(),
            key_span: None,
        }
    }

    /// A fault that concerns no key of the tree but a variable.
    pub(super) fn refuse_variable(&self, name: &str, problem: Problem) {
        let draft = Draft { severity: Severity::Error, key: String::new(), problem };
        self.gathered.borrow_mut().faults.push((Spot::Variable(name.to_owned()), draft));
    }

    /// Patterns of the keys that were asked for.
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.gathered.borrow().known.clone()
    }

    /// Ends the reading: the faults and the warnings in the order of the file, fit to be shown,
    /// and where each key stands.
    pub(super) fn finish(self, source: &mut Source) -> (Vec<Fault>, Vec<Fault>, Gathered) {
        let mut gathered = self.gathered.into_inner();
        for leaf in &mut source.leaves {
            leaf.shown = gathered.shown.contains(&leaf.span.start);
        }
        let mut drafts = std::mem::take(&mut gathered.faults);
        drafts.sort_by_key(|(spot, _)| match spot {
            Spot::Nowhere => (0, 0),
            Spot::Span(span) => (1, span.start),
            Spot::Variable(_) => (2, 0),
        });
        let (errors, warnings) = drafts
            .into_iter()
            .map(|(spot, draft)| finished(spot, draft, source))
            .partition(|fault: &Fault| fault.severity == Severity::Error);
        (errors, warnings, gathered)
    }
}

fn finished(spot: Spot, draft: Draft, source: &Source) -> Fault {
    let place = match spot {
        Spot::Span(span) => source.place_of(&span),
        Spot::Variable(name) => Place::Variable(name),
        Spot::Nowhere => Place::File(source.path.clone()),
    };
    let Problem { problem, given, allowed, fix } = draft.problem;
    Fault { severity: draft.severity, place, key: draft.key, problem, given, allowed, fix }
}

/// A value on its way into a type. The reads that make one are in `read.rs`.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) node: &'a Node,
    pub(super) path: String,
    /// The last key of its path as TOML wants it written; empty for an element of a list.
    pub(super) key: String,
    pub(super) pattern: String,
    key_span: Option<Range<usize>>,
}

impl Value<'_> {
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

    fn note(&self, severity: Severity, spot: Spot, problem: Problem) {
        let draft = Draft { severity, key: self.path.clone(), problem };
        self.reader.gathered.borrow_mut().faults.push((spot, draft));
    }

    fn spot(&self) -> Spot {
        match &self.node.origin {
            Origin::File(span) => Spot::Span(span.clone()),
            Origin::Variable(name) => Spot::Variable(name.clone()),
            Origin::Default => Spot::Nowhere,
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

    /// Lets the value be seen where its line is shown.
    pub(super) fn show(&self) {
        if let Origin::File(span) = &self.node.origin {
            self.reader.gathered.borrow_mut().shown.insert(span.start);
        }
    }

    /// Element `index` of the list that the value is.
    pub(super) fn element<'b>(&'b self, index: usize, node: &'b Node) -> Value<'b> {
        Value {
            reader: self.reader,
            node,
            path: format!("{}[{index}]", self.path),
            key: String::new(),
            pattern: format!("{}[]", self.pattern),
            key_span: None,
        }
    }

    /// Reads the value as a table; keys that `read` does not ask for are faults.
    pub(super) fn table<T>(&self, read: impl FnOnce(&mut Table<'_>) -> Option<T>) -> Option<T> {
        let parsed;
        let node = match &self.node.given {
            Given::Text(text) if matches!(self.node.origin, Origin::Variable(_)) => {
                parsed = self.inline(text);
                parsed.as_ref().unwrap_or(self.node)
            }
            _ => self.node,
        };
        let Given::Table(entries) = &node.given else {
            let fix = match self.path.as_str() {
                path if path.contains(['.', '[']) => format!("{} = {{ … }}", self.key),
                path => format!("[{path}]"),
            };
            return self.wrong_type("a table", fix);
        };
        let mut table = Table { value: self, entries, asked: Vec::new() };
        let outcome = read(&mut table);
        table.finish();
        outcome
    }
}

/// A table on its way into a type.
pub(super) struct Table<'a> {
    value: &'a Value<'a>,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The value of `key` as `parse` reads it, or `fallback` where there is none or it is faulty.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value<'_>) -> Option<T>,
        fallback: T,
    ) -> T {
        self.optional(key, parse).unwrap_or(fallback)
    }

    /// The value of `key`, if it is there and not faulty.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value<'_>) -> Option<T>,
    ) -> Option<T> {
        self.value_of(key).and_then(|value| parse(&value))
    }

    /// The value of `key`; that it is missing is a fault, with `fix` as what to write.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        fix: &str,
        parse: impl FnOnce(&Value<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.value_of(key) {
            Some(value) => parse(&value),
            None => self.value.refuse(Problem::new(format!("`{key}` is missing"), fix)),
        }
    }

    /// The value of `key`, unread.
    pub(super) fn value_of(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let pattern = join(&self.value.pattern, key);
        self.value.reader.gathered.borrow_mut().known.insert(pattern);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.child(entry, key))
    }

    /// Whether somebody gave `key`, so that it is not just a default.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key && entry.node.origin != Origin::Default)
    }

    /// Keeps a fault at `key`, or at the table if it has none.
    pub(super) fn refuse_at<T>(&mut self, key: &'static str, problem: Problem) -> Option<T> {
        match self.value_of(key) {
            Some(value) => value.refuse_key(problem),
            None => self.value.refuse(problem),
        }
    }

    /// All members of a table whose keys are names of the user's.
    pub(super) fn members(&mut self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let members = std::mem::take(&mut self.entries);
        members.iter().map(|entry| (entry.key.as_str(), self.child(entry, "*")))
    }

    /// The table itself.
    pub(super) fn value(&self) -> &'a Value<'a> {
        self.value
    }

    fn child(&self, entry: &'a Entry, key_pattern: &str) -> Value<'a> {
        let key = written(&entry.key);
        let child = Value {
            reader: self.value.reader,
            node: &entry.node,
            path: join(&self.value.path, &key),
            key,
            pattern: join(&self.value.pattern, key_pattern),
            key_span: entry.key_span.clone(),
        };
        if let Spot::Span(span) = child.key_spot() {
            self.value.reader.gathered.borrow_mut().places.insert(child.path.clone(), span);
        }
        child
    }

    /// Refuses the keys that nobody asked for.
    fn finish(&self) {
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            let child = self.child(entry, &entry.key);
            match later::standing(&child.pattern, &entry.node.given) {
                Standing::Known => child.refuse_key(self.unknown(&entry.key)),
                Standing::Inert => None,
                Standing::Refused => child.refuse_key::<()>(Problem::new(
                    "not supported yet",
                    format!("leave `{}` out", written(&entry.key)),
                )),
            };
        }
    }

    fn unknown(&self, key: &str) -> Problem {
        let mut known: Vec<&str> = self.asked.clone();
        known.sort_unstable();
        known.dedup();
        let allowed = known.join(", ");
        known.extend(later::keys_of(&self.value.pattern));
        let fix = match closest(key, &known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "leave it out".to_owned(),
        };
        let problem = Problem::new(format!("unknown key {}", quoted(key)), fix);
        if allowed.is_empty() { problem } else { problem.allowed(allowed) }
    }
}

/// The word of `known` that `given` was probably meant to be.
pub(super) fn closest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let given = given.to_ascii_lowercase();
    known
        .iter()
        .map(|word| (strsim::osa_distance(&given, &word.to_ascii_lowercase()), *word))
        .filter(|(distance, word)| *distance <= 1 + word.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// A key as TOML wants it written.
pub(super) fn written(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !key.is_empty() && key.chars().all(bare) {
        true => key.to_owned(),
        false => format!("\"{}\"", key.escape_debug()),
    }
}

/// A user's word inside a message: escaped and cut.
pub(super) fn quoted(word: &str) -> String {
    format!("`{}`", cut(word))
}

/// The same without quotes around it.
pub(super) fn cut(word: &str) -> String {
    const LONGEST: usize = 80;
    let cut: String = word.chars().take(LONGEST).collect();
    let more = if cut.len() < word.len() { "…" } else { "" };
    format!("{}{more}", cut.escape_debug())
}
