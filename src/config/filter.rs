//! Which events an endpoint hears of, and which fields it sees.
//!
//! An event pattern is one of the five words `created updated deleted truncated custom`, or a
//! glob over event types, which always has a dot or a `*`: `order.created`, `order.*`,
//! `*.created`, `*`. In every glob `*` stands for any text, dots included; all else is literal
//! and case counts. Origins are no globs: whole names of inbound sources, or `*` for all of them.

use super::fault::quoted;
use super::identifier::Tables;
use super::model::Model;
use super::reader::Problem;
use super::table::{Table, closest};
use super::value::Value;
use crate::endpoint::Filter;

const MOST_PATTERNS: usize = 1000;
const LONGEST_PATTERN_BYTES: usize = 255;
const MOST_FIELDS: usize = 2000;
const LONGEST_SOURCE_BYTES: usize = 64;
const EVENT_WORDS: [&str; 5] = ["created", "updated", "deleted", "truncated", "custom"];

type FieldLists = Vec<(String, Vec<String>)>;
type FieldMasks = Vec<(String, Vec<(String, String)>)>;

/// The labels that events can have as far as the file tells; SQL may add more.
#[derive(Default)]
pub(super) struct Labels {
    labels: Vec<String>,
    /// Schemas of which every table is captured.
    schemas: Vec<String>,
}

impl Labels {
    pub(super) fn new(models: &[Model], tables: &[Tables]) -> Self {
        let mut known = Self::default();
        known.labels.extend(models.iter().map(|model| model.label.clone()));
        for tables in tables {
            match tables {
                Tables::One(table) => known.labels.push(format!("{}.{}", table.schema, table.name)),
                Tables::Schema(schema) => known.schemas.push(schema.clone()),
            }
        }
        known
    }

    /// Warns of a label that nothing has: a mask under a misspelt one would mask nothing.
    fn expect(&self, label: &str, value: &Value<'_>) {
        let in_schema = |schema: &String| {
            label.strip_prefix(schema.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        let known = self.labels.iter().any(|known| known == label);
        if known || label.contains('*') || self.schemas.iter().any(in_schema) {
            return;
        }
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let fix = match closest(label, &labels) {
            Some(likely) => format!("did you mean \"{likely}\"?"),
            None => "declare the model, or name its table in [database] tables".to_owned(),
        };
        value.warn_at_key(Problem::new(
            format!("no captured table has the label {}", quoted(label)),
            fix,
        ));
    }
}

/// Reads the keys of a filter; what is left out is as in `base`.
pub(super) fn read(table: &mut Table<'_>, base: &Filter, labels: &Labels) -> Filter {
    let globs = |value: &Value<'_>| {
        value.list(MOST_PATTERNS, |glob| {
            let text = checked_glob(glob, "store.*")?;
            labels.expect(&text, glob);
            Some(text)
        })
    };
    let read_fields = |value: &Value<'_>| read_fields(value, labels);
    let read_masks = |value: &Value<'_>| read_masks(value, labels);
    Filter {
        events: table.read("events", read_events, base.events.clone()),
        include_models: table.read("include_models", globs, base.include_models.clone()),
        exclude_models: table.read("exclude_models", globs, base.exclude_models.clone()),
        include_fields: table.read("include_fields", read_fields, base.include_fields.clone()),
        exclude_fields: table.read("exclude_fields", read_fields, base.exclude_fields.clone()),
        redact_fields: table.read("redact_fields", read_masks, base.redact_fields.clone()),
        exclude_origins: table.read("exclude_origins", read_origins, base.exclude_origins.clone()),
    }
}

/// Globs over labels and types, whether or not something has them.
pub(super) fn read_globs(value: &Value<'_>) -> Option<Vec<String>> {
    value.list(MOST_PATTERNS, |glob| checked_glob(glob, "store.*"))
}

fn read_events(value: &Value<'_>) -> Option<Vec<String>> {
    let patterns = value.list(MOST_PATTERNS, |pattern| {
        let text = checked_glob(pattern, "order.*")?;
        if text.contains(['.', '*']) || EVENT_WORDS.contains(&text.as_str()) {
            return Some(text);
        }
        let likely = match closest(&text, &EVENT_WORDS) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => format!("write \"{text}.*\" for every event of that name"),
        };
        pattern.refuse(
            Problem::new("not an event pattern", likely)
                .given(pattern.given())
                .allowed("created, updated, deleted, truncated, custom, or a type as in order.created, order.*, *.created, *"),
        )
    })?;
    match patterns.is_empty() {
        true => value.refuse(Problem::new(
            "an endpoint without events hears nothing",
            format!("{}, or enabled = false", value.assignment("[\"*\"]")),
        )),
        false => Some(patterns),
    }
}

pub(super) fn checked_glob(value: &Value<'_>, example: &str) -> Option<String> {
    let text = value.word()?;
    let problem = match text.as_str() {
        text if text.trim() != text => "white space around the pattern",
        text if text.chars().any(char::is_control) => "a control character in the pattern",
        text if text.len() > LONGEST_PATTERN_BYTES => "the pattern is too long",
        text if text.contains("**") => "`**` is no more than `*`",
        text if text.contains(',') => "a list in one string",
        text if text.contains(['?', '[', ']', '{', '}']) => "only `*` is special in a pattern",
        _ => return Some(text),
    };
    value.refuse(
        Problem::new(problem, format!("write patterns as in [\"{example}\"], one in each string"))
            .given(value.given()),
    )
}

fn read_origins(value: &Value<'_>) -> Option<Vec<String>> {
    value.list(MOST_PATTERNS, |source| {
        let text = source.word()?;
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if text == "*" || (text.len() <= LONGEST_SOURCE_BYTES && text.bytes().all(plain)) {
            return Some(text);
        }
        source.refuse(
            Problem::new(
                "not the name of an inbound source",
                "write the name in [inbound.sources.NAME], or \"*\" for every source",
            )
            .given(source.given())
            .allowed("1 to 64 of a-z, 0-9, _ and -, or \"*\""),
        )
    })
}

/// A list for every model, or lists by label.
fn read_fields(value: &Value<'_>, labels: &Labels) -> Option<FieldLists> {
    if value.is_list() {
        let fields = value.list(MOST_FIELDS, checked_field)?;
        return Some(if fields.is_empty() { Vec::new() } else { vec![("*".to_owned(), fields)] });
    }
    value.table(|table| {
        let mut lists = Vec::new();
        for (label, value) in table.members() {
            let labelled = check_label(label, &value, labels);
            let fields = value.list(MOST_FIELDS, checked_field);
            if let (Some(()), Some(fields)) = (labelled, fields) {
                lists.push((label.to_owned(), fields));
            }
        }
        Some(lists)
    })
}

fn read_masks(value: &Value<'_>, labels: &Labels) -> Option<FieldMasks> {
    value.table(|table| {
        let mut masks = Vec::new();
        for (label, value) in table.members() {
            let labelled = check_label(label, &value, labels);
            let fields = value.table(|fields| {
                let read: Vec<_> = fields
                    .members()
                    .filter_map(|(field, mask)| {
                        check_field(field, &mask)?;
                        Some((field.to_owned(), mask.hidden_text()?))
                    })
                    .collect();
                Some(read)
            });
            if let (Some(()), Some(fields)) = (labelled, fields) {
                masks.push((label.to_owned(), fields));
            }
        }
        Some(masks)
    })
}

fn check_label(label: &str, value: &Value<'_>, labels: &Labels) -> Option<()> {
    let exact = label.contains('.') && !label.contains('*') && label.trim() == label;
    if label != "*" && !(exact && label.len() <= LONGEST_PATTERN_BYTES) {
        return value.refuse_key(
            Problem::new(
                "not a model's label",
                "write \"store.Customer\", or \"*\" for every model",
            )
            .allowed("one label, or \"*\""),
        );
    }
    labels.expect(label, value);
    Some(())
}

fn checked_field(value: &Value<'_>) -> Option<String> {
    let field = value.word()?;
    check_field(&field, value)?;
    Some(field)
}

fn check_field(field: &str, value: &Value<'_>) -> Option<()> {
    let good = !field.is_empty()
        && field.len() <= LONGEST_PATTERN_BYTES
        && !field.contains('*')
        && !field.chars().any(char::is_control);
    match good {
        true => Some(()),
        false => value.refuse(
            Problem::new(
                "not a field",
                "write a column, or a dotted path into a json column as in \"profile.phone\"",
            )
            .allowed("no globs; 1 to 255 bytes"),
        ),
    }
}
