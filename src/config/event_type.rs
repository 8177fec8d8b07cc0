//! `[[event_types]]`: events of their own that some changes of a model make besides.

use std::cell::RefCell;
use std::collections::HashSet;

use super::condition;
use super::fault::quoted;
use super::model::{self, Model, Operation};
use super::reader::Problem;
use super::table::{Table, closest};
use super::value::Value;
use crate::condition::Condition;

const MOST_TYPES: usize = 1000;
const LONGEST_NAME_BYTES: usize = 100;

/// A derived event type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType {
    /// The type, as in `inventory.low_stock`.
    pub name: String,
    /// Label of the model that it is derived from.
    pub model: String,
    /// Changes that may make one.
    pub on: Vec<Operation>,
    /// What must be true of the change; `None`: nothing more.
    pub condition: Option<Condition>,
}

/// Reads every `[[event_types]]`.
pub(super) fn read(root: &mut Table<'_>, models: &[Model]) -> Vec<EventType> {
    let Some(value) = root.value_of("event_types") else { return Vec::new() };
    if !value.is_list() {
        let fix = "begin each event type with [[event_types]] in config.toml";
        value.refuse_key::<()>(Problem::new("event types are a list", fix));
        return Vec::new();
    }
    let names = RefCell::new(HashSet::new());
    value.list(MOST_TYPES, |value| read_type(value, models, &names)).unwrap_or_default()
}

/// Reads a row of `walhook.event_type`.
pub(super) fn read_row(value: &Value<'_>, models: &[Model]) -> Option<EventType> {
    read_type(value, models, &RefCell::default())
}

fn read_type(
    value: &Value<'_>,
    models: &[Model],
    names: &RefCell<HashSet<String>>,
) -> Option<EventType> {
    value.table(|table| {
        let fix = "name = \"inventory.low_stock\"";
        let name = table.required("name", fix, |value| {
            let name = read_name(value, models)?;
            match names.borrow_mut().insert(name.clone()) {
                true => Some(name),
                false => value.refuse(
                    Problem::new("another event type has this name", "give it a name of its own")
                        .given(value.given()),
                ),
            }
        });
        let fix = "model = \"store.Inventory\", the label of a model";
        let model = table.required("model", fix, |label| read_model(label, models));
        let known = model.as_ref().and_then(|label| models.iter().find(|m| m.label == *label));
        let on = table.required("on", "on = [\"updated\"]", |on| read_on(on, known));
        let condition = table.read("condition", condition::read, None);
        Some(EventType { name: name?, model: model?, on: on?, condition })
    })
}

fn read_name(value: &Value<'_>, models: &[Model]) -> Option<String> {
    let name = value.word()?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let good = name.len() <= LONGEST_NAME_BYTES
        && name.contains('.')
        && name.chars().all(plain)
        && name.split('.').all(|part| !part.is_empty());
    if !good {
        return value.refuse(
            Problem::new("not an event type", value.assignment("\"inventory.low_stock\""))
                .given(value.given())
                .allowed("letters, digits, _ and -, with single dots between, and one at least"),
        );
    }
    let is_own = |model: &&Model| {
        let word = name.strip_prefix(&model.event_prefix).and_then(|word| word.strip_prefix('.'));
        word.is_some_and(|word| Operation::ALL.iter().any(|own| own.as_str() == word))
    };
    match models.iter().find(is_own) {
        Some(model) => value.refuse(
            Problem::new(
                format!("the type belongs to model {}", quoted(&model.label)),
                "give it a name of its own",
            )
            .given(value.given()),
        ),
        None => Some(name),
    }
}

fn read_model(value: &Value<'_>, models: &[Model]) -> Option<String> {
    let label = value.word()?;
    if models.iter().any(|model| model.label == label) {
        return Some(label);
    }
    let labels: Vec<&str> = models.iter().map(|model| model.label.as_str()).collect();
    let fix = match closest(&label, &labels) {
        Some(likely) => format!("did you mean \"{likely}\"?"),
        None => format!("declare it: [models.\"{label}\"]"),
    };
    value.refuse(Problem::new("no model has this label", fix).given(value.given()))
}

fn read_on(value: &Value<'_>, model: Option<&Model>) -> Option<Vec<Operation>> {
    let on = model::read_operations(value)?;
    if on.is_empty() {
        let problem = "an event type that nothing makes";
        return value.refuse(Problem::new(problem, value.assignment("[\"updated\"]")));
    }
    let lacking = model.and_then(|model| on.iter().find(|word| !model.events.contains(word)));
    match lacking {
        Some(word) => value.refuse(Problem::new(
            format!("the model makes no events when a row is {}", word.as_str()),
            format!("add \"{}\" to the model's `events`", word.as_str()),
        )),
        None => Some(on),
    }
}
