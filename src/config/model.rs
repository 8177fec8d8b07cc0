//! `[models."app.Name"]`: the tables that payloads know under a name of their own.

use std::collections::HashMap;

use super::condition;
use super::fault::quoted;
use super::identifier::{self, TableName, fits};
use super::reader::Problem;
use super::table::Table;
use super::value::Value;
use crate::condition::Condition;

/// A table declared as a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// `app.Name`, as payloads name it.
    pub label: String,
    /// Its table.
    pub table: TableName,
    /// What of it makes events.
    pub events: Vec<Operation>,
    /// False: no events.
    pub enabled: bool,
    /// What must be true of a change; events derived from it too need it.
    pub condition: Option<Condition>,
    /// True: `init` sets `replica identity full`; false leaves it alone.
    pub old_values: bool,
    /// `order` in `order.created`.
    pub event_prefix: String,
    /// Members of the payload's `user` and the columns that hold them.
    pub user: Vec<(String, String)>,
    /// The column that names the row's tenant.
    pub application: Option<String>,
}

/// What can happen to a row, or to the whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An insert.
    Created,
    /// An update.
    Updated,
    /// A delete.
    Deleted,
    /// A truncate.
    Truncated,
}

const OPERATIONS: [(&str, Operation); 4] = [
    ("created", Operation::Created),
    ("updated", Operation::Updated),
    ("deleted", Operation::Deleted),
    ("truncated", Operation::Truncated),
];

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::Truncated];

    /// The word in payloads and event types.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Truncated => "truncated",
        }
    }
}

impl Model {
    /// The part of the label before the dot.
    pub fn app(&self) -> &str {
        self.label.split_once('.').map_or("", |(app, _)| app)
    }

    /// The part of the label after the dot.
    pub fn name(&self) -> &str {
        self.label.split_once('.').map_or(self.label.as_str(), |(_, name)| name)
    }
}

pub(super) fn read(root: &mut Table<'_>) -> Vec<Model> {
    let read_all = |models: &Value<'_>| {
        models.table(|models| {
            let mut of_table: HashMap<TableName, String> = HashMap::new();
            let mut read = Vec::new();
            for (label, value) in models.members() {
                let Some(model) = read_model(label, &value) else { continue };
                if let Some(other) = of_table.insert(model.table.clone(), label.to_owned()) {
                    let problem = format!("the table already has the model {}", quoted(&other));
                    value.refuse_key::<()>(Problem::new(problem, "keep one of the two models"));
                }
                read.push(model);
            }
            Some(read)
        })
    };
    root.read("models", read_all, Vec::new())
}

fn read_model(label: &str, value: &Value<'_>) -> Option<Model> {
    let named = check_label(label, value);
    let model = read_settings(label, value);
    named?;
    model
}

fn read_settings(label: &str, value: &Value<'_>) -> Option<Model> {
    value.table(|table| {
        let fix = "name its table: table = \"public.orders\"";
        let name = table.required("table", fix, identifier::table_name);
        let default = [Operation::Created, Operation::Updated, Operation::Deleted];
        let events = table.read("events", read_events, default.to_vec());
        let enabled = table.read("enabled", |value| value.boolean(), true);
        let condition = table.read("condition", condition::read, None);
        let old_values = table.read("old_values", |value| value.boolean(), true);
        let event_prefix = table.optional("event_prefix", read_prefix);
        let user = table.read("user", read_user, Vec::new());
        let application = table.read("application", read_column, None);
        let event_prefix = event_prefix
            .unwrap_or_else(|| snake_case(label.split_once('.').map_or(label, |(_, name)| name)));
        let label = label.to_owned();
        Some(Model {
            label,
            table: name?,
            events,
            enabled,
            condition,
            old_values,
            event_prefix,
            user,
            application,
        })
    })
}

/// Reads a row of `walhook.model`, whose label was checked when it was written.
pub(super) fn read_row(label: &str, value: &Value<'_>) -> Option<Model> {
    read_settings(label, value)
}

fn check_label(label: &str, value: &Value<'_>) -> Option<()> {
    let word = |part: &str| {
        fits(part) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    match label.split_once('.') {
        Some((app, name)) if word(app) && word(name) => Some(()),
        _ => value.refuse_key(
            Problem::new("not a model's label", "[models.\"store.Order\"]")
                .allowed("app.Name in double quotes, each 1 to 63 of A-Z, a-z, 0-9, _ and -"),
        ),
    }
}

fn read_events(value: &Value<'_>) -> Option<Vec<Operation>> {
    let events = read_operations(value)?;
    match events.is_empty() {
        true => value.refuse(
            Problem::new("a model without events", "name some, or write enabled = false")
                .allowed("created, updated, deleted, truncated"),
        ),
        false => Some(events),
    }
}

/// What can happen, each once.
pub(super) fn read_operations(value: &Value<'_>) -> Option<Vec<Operation>> {
    let mut events = value.list(OPERATIONS.len(), |event| event.one_of(&OPERATIONS))?;
    let mut seen = Vec::new();
    events.retain(|event| {
        let new = !seen.contains(event);
        seen.push(*event);
        new
    });
    Some(events)
}

fn read_prefix(value: &Value<'_>) -> Option<String> {
    let prefix = value.text()?;
    if prefix.is_empty() {
        return None;
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let good = prefix.len() <= 100
        && prefix.chars().all(plain)
        && prefix.split('.').all(|part| !part.is_empty());
    match good {
        true => Some(prefix),
        false => value.refuse(
            Problem::new("not the beginning of an event type", value.assignment("\"order\""))
                .given(value.given())
                .allowed("letters, digits, _ and -, with single dots between"),
        ),
    }
}

/// A column's name; none if empty.
fn read_column(value: &Value<'_>) -> Option<Option<String>> {
    let column = value.text()?;
    if column.is_empty() {
        return Some(None);
    }
    match fits(&column) {
        true => Some(Some(column)),
        false => value.refuse(
            Problem::new("not a column's name", value.assignment("\"account_id\""))
                .allowed("1 to 63 bytes"),
        ),
    }
}

fn read_user(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    value.table(|table| {
        let mut user = Vec::new();
        for (member, column) in table.members() {
            let Some(column_name) = column.hidden_text() else { continue };
            match fits(&column_name) && !member.is_empty() {
                true => user.push((member.to_owned(), column_name)),
                false => {
                    let fix = "map each member to a column: user = { id = \"updated_by\" }";
                    column.refuse::<()>(Problem::new("not a column's name", fix));
                }
            }
        }
        Some(user)
    })
}

/// `OrderItem` -> `order_item`, `HTTPRequest` -> `http_request`.
fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).map(|i| characters[i]);
        let after = characters.get(index + 1);
        let starts_word = character.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_become_snake_case() {
        for (name, wanted) in [
            ("Order", "order"),
            ("OrderItem", "order_item"),
            ("HTTPRequest", "http_request"),
            ("Order2Item", "order2_item"),
            ("order", "order"),
            ("Order_Item", "order_item"),
            ("X", "x"),
        ] {
            assert_eq!(snake_case(name), wanted);
        }
    }
}
