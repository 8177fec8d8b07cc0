//! What is configured in SQL, read by the readers of the file, so that both mean the same and are
//! refused in the same words.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

use serde_json::Value as Json;
use uuid::Uuid;

use super::application::{self, Application};
use super::endpoint::{self, Shared};
use super::event_type::{self, EventType};
use super::filter::Labels;
use super::layers::{Entry, Given, Node, Origin};
use super::model::{self, Model};
use super::reader::Reader;
use super::value::Value;
use super::{Config, Environment};
use crate::endpoint::{Endpoint, EndpointId};
use crate::lsn::Lsn;
use crate::template::Template;

/// A row of a table of the configuration.
#[derive(Clone)]
pub struct Row {
    /// Which table.
    pub table: RowTable,
    /// Name or label; of an endpoint its name.
    pub key: String,
    /// Of an endpoint its id.
    pub id: Option<Uuid>,
    /// From which position of the WAL it counts; `None` until its message has been read.
    pub active_from: Option<Lsn>,
    /// The keys of config.toml. They may hold secrets, so there is no `Debug`.
    pub settings: Json,
}

/// A table of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowTable {
    /// `walhook.application`.
    Application,
    /// `walhook.model`.
    Model,
    /// `walhook.event_type`.
    EventType,
    /// `walhook.endpoint`.
    Endpoint,
}

impl Row {
    /// The key that messages in the WAL name it by.
    pub fn told_key(&self) -> String {
        self.id.map_or_else(|| self.key.clone(), |id| id.to_string())
    }
}

impl RowTable {
    /// The table's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Model => "model",
            Self::EventType => "event_type",
            Self::Endpoint => "endpoint",
        }
    }

    /// The table of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Application, Self::Model, Self::EventType, Self::Endpoint]
            .into_iter()
            .find(|table| table.as_str() == name)
    }
}

/// Everything that is declared, in the file and in SQL.
#[derive(Debug, Default)]
pub struct Declared {
    /// Tables with names of their own.
    pub models: Vec<Model>,
    /// Events that are derived from changes of models.
    pub event_types: Vec<EventType>,
    /// Receivers, those of the file first.
    pub endpoints: Vec<Endpoint>,
    /// What is wrong, and `None` for each row that is in order.
    pub faults: Vec<RowFault>,
}

/// What is wrong with a row, fit for its `fault` column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// Which table.
    pub table: RowTable,
    /// Name or label; of an endpoint its id.
    pub key: String,
    /// What is wrong, each with its fix; `None` if nothing is.
    pub fault: Option<String>,
}

/// What decides which events an endpoint gets. It is kept of an endpoint that is faulty
/// otherwise, so that its events can be held.
const SELECTS: [&str; 10] = [
    "name",
    "application",
    "url",
    "events",
    "include_models",
    "exclude_models",
    "include_fields",
    "exclude_fields",
    "redact_fields",
    "exclude_origins",
];

impl Config {
    /// The file's declarations with those of `rows`.
    pub fn declared(&self, rows: &[Row]) -> Declared {
        let mut declared = Declared {
            models: self.models.clone(),
            event_types: self.event_types.clone(),
            endpoints: self.endpoints.clone(),
            ..Declared::default()
        };
        let mut applications = self.applications.clone();
        let of = |table: RowTable| rows.iter().filter(move |row| row.table == table);
        for row in of(RowTable::Application) {
            if applications.iter().all(|known| known.name != row.key) {
                applications.extend(application_of(row));
            } else if row.key == application::DEFAULT {
                // The file's word counts if it has one.
                let own = self.is_default_declared;
                let default = application_of(row).filter(|_| !own);
                let place = applications.iter_mut().find(|known| known.name == row.key);
                if let (Some(default), Some(place)) = (default, place) {
                    *place = default;
                }
            }
        }
        for row in of(RowTable::Model).filter(|row| row.active_from.is_some()) {
            let read = self.model_of(row, &declared.models);
            let model = declared.note(row, read);
            declared.models.extend(model);
        }
        for row in of(RowTable::EventType).filter(|row| row.active_from.is_some()) {
            let read = event_type_of(row, &declared);
            let event_type = declared.note(row, read);
            declared.event_types.extend(event_type);
        }
        let labels = Labels::new(&declared.models, &self.database.tables);
        for row in of(RowTable::Endpoint) {
            let Some(id) = row.id.map(EndpointId) else { continue };
            let read = self.endpoint_of(row, &labels, &applications);
            let endpoint = declared.note(row, read);
            // One whose message has not been read yet gets nothing.
            if let (Some(endpoint), Some(active_from)) = (endpoint, row.active_from) {
                declared.endpoints.push(Endpoint { id, active_from, ..endpoint });
            }
        }
        declared
    }

    fn model_of(&self, row: &Row, known: &[Model]) -> Read<Model> {
        let read = read_row(&row.settings, |value| model::read_row(&row.key, value));
        let Read { value: Some(model), fault: None } = read else { return read };
        let other =
            known.iter().find(|other| other.table == model.table || other.label == model.label);
        match other {
            Some(other) => {
                let fault = format!(
                    "config.toml has the model {} of the same table or label; keep one of the two",
                    other.label
                );
                Read { value: None, fault: Some(fault) }
            }
            None => Read { value: Some(model), fault: None },
        }
    }

    /// The endpoint as far as it can be read: one with a fault is marked.
    fn endpoint_of(
        &self,
        row: &Row,
        labels: &Labels,
        applications: &[Application],
    ) -> Read<Endpoint> {
        let shared = Shared {
            defaults: &self.defaults,
            applications,
            labels,
            allow_http: self.security.allow_http,
            max_event_bytes: self.delivery.max_event_bytes,
        };
        let read = |settings: &Json| {
            let names = RefCell::new(HashSet::new());
            read_row(settings, |value| endpoint::read_endpoint(value, &shared, &names))
        };
        let whole = read(&row.settings);
        if whole.fault.is_none() {
            return whole;
        }
        let mut selecting = row.settings.clone();
        if let Some(settings) = selecting.as_object_mut() {
            settings.retain(|key, _| SELECTS.contains(&key.as_str()));
        }
        // Any template: what is parked meanwhile is what the mended one will be given.
        let transform = Template::parse("null", usize::MAX).ok();
        let held = |endpoint| Endpoint { is_faulty: true, transform, ..endpoint };
        let value = read(&selecting).value.map(held);
        Read { value, fault: whole.fault }
    }
}

impl Declared {
    /// Keeps what is wrong with a row and passes on what could be read of it.
    fn note<T>(&mut self, row: &Row, read: Read<T>) -> Option<T> {
        let key = row.told_key();
        self.faults.push(RowFault { table: row.table, key, fault: read.fault });
        read.value
    }
}

/// What could be read of a row, and what is wrong with it.
struct Read<T> {
    value: Option<T>,
    fault: Option<String>,
}

fn event_type_of(row: &Row, declared: &Declared) -> Read<EventType> {
    let read = read_row(&row.settings, |value| event_type::read_row(value, &declared.models));
    if declared.event_types.iter().any(|other| other.name == row.key) {
        let fault = "config.toml has an event type of this name; keep one of the two".to_owned();
        return Read { value: None, fault: Some(fault) };
    }
    read
}

fn application_of(row: &Row) -> Option<Application> {
    read_row(&row.settings, |value| application::read_one(&row.key, value)).value
}

fn read_row<T>(settings: &Json, read: impl FnOnce(&Value<'_>) -> Option<T>) -> Read<T> {
    let environment = Environment::default();
    let reader = Reader::new(&environment, Path::new(""));
    let node = node_of(settings);
    let value = read(&Value::root(&reader, &node));
    let problems = reader.problems();
    let fault = match (problems.is_empty(), &value) {
        (true, Some(_)) => None,
        (true, None) => Some("it cannot be read".to_owned()),
        (false, _) => Some(problems.join("\n")),
    };
    Read { value: value.filter(|_| fault.is_none()), fault }
}

/// JSON as a tree of the configuration.
fn node_of(json: &Json) -> Node {
    let given = match json {
        Json::Null => Given::Text(String::new()),
        Json::Bool(flag) => Given::Boolean(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Given::Integer(Some(number)),
            (None, Some(number)) => Given::Float(number),
            (None, None) => Given::Integer(None),
        },
        Json::String(text) => Given::Text(text.clone()),
        Json::Array(elements) => Given::List(elements.iter().map(node_of).collect()),
        Json::Object(members) => Given::Table(
            members
                .iter()
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    key_span: None,
                    node: node_of(value),
                })
                .collect(),
        ),
    };
    Node { origin: Origin::Row, given }
}
