//! A table on its way into a type. The calls of [`Table::read`] are the schema: a key that
//! nobody reads is unknown.

use std::borrow::Cow;

use super::fault::quoted;
use super::later::{self, Standing};
use super::layers::{Entry, Given, Node, Origin};
use super::reader::Problem;
use super::value::Value;

impl Value<'_> {
    /// Reads the value as a table; keys that `read` does not ask for are faults.
    pub(super) fn table<T>(&self, read: impl FnOnce(&mut Table<'_>) -> Option<T>) -> Option<T> {
        let node = self.table_node()?;
        let mut table = Table::open(self, &node);
        let outcome = read(&mut table);
        table.finish();
        outcome
    }

    /// The same with what `choose` finds for the table as a base: keys that it does not give,
    /// itself or in its tables at `deep`, are as there. `choose` may only look.
    pub(super) fn table_over<T>(
        &self,
        deep: &[&str],
        choose: impl FnOnce(&mut Table<'_>) -> Option<Node>,
        read: impl FnOnce(&mut Table<'_>) -> Option<T>,
    ) -> Option<T> {
        let own = self.table_node()?;
        let base = choose(&mut Table::open(self, &own))?;
        let node = own.over(&base, deep);
        Value { node: &node, ..self.clone() }.table(read)
    }

    /// The value as a table: itself, or what a variable's text holds.
    fn table_node(&self) -> Option<Cow<'_, Node>> {
        let parsed = match &self.node.given {
            Given::Text(text) if matches!(self.node.origin, Origin::Variable(_)) => {
                self.inline(text)
            }
            _ => None,
        };
        let node = parsed.map_or(Cow::Borrowed(self.node), Cow::Owned);
        if matches!(node.given, Given::Table(_)) {
            return Some(node);
        }
        let fix = match self.path.as_str() {
            path if path.contains(['.', '[']) => format!("{} = {{ … }}", self.key),
            path => format!("[{path}]"),
        };
        self.wrong_type("a table", fix)
    }
}

/// A table on its way into a type.
pub(super) struct Table<'a> {
    value: &'a Value<'a>,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    fn open(value: &'a Value<'a>, node: &'a Node) -> Self {
        let entries = match &node.given {
            Given::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        Self { value, entries, asked: Vec::new() }
    }

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
        self.value.reader.know(pattern);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.child(entry, key))
    }

    /// Whether `key` has a value, be it a default.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
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
        child.keep_place();
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

/// The word of `known` that `given` was probably meant to be: mistyped, or the beginning or
/// the end of it.
pub(super) fn closest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    const SHORTEST_PART: usize = 2;
    let given = given.to_ascii_lowercase();
    let mistyped = known
        .iter()
        .map(|word| (strsim::osa_distance(&given, &word.to_ascii_lowercase()), *word))
        .filter(|(distance, word)| *distance <= 1 + word.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word);
    let is_part = |word: &&&str| word.starts_with(&given) || word.ends_with(&given);
    mistyped
        .or_else(|| known.iter().find(is_part).filter(|_| given.len() >= SHORTEST_PART).copied())
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// A key as TOML wants it written.
pub(crate) fn written(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !key.is_empty() && key.chars().all(bare) {
        true => key.to_owned(),
        false => format!("\"{}\"", key.escape_debug()),
    }
}
