//! The configuration: config.toml and the environment, checked whole, with every fault at once.
//!
//! A [`Config`] can be trusted: what it holds was checked where it was read. Reading opens the
//! file and the files it names, never a socket.

mod alerts;
mod application;
mod auth;
mod condition;
mod database;
pub mod dsn;
mod duration;
mod endpoint;
mod environment;
mod event_type;
mod expand;
mod fault;
mod filter;
mod headers;
mod identifier;
pub mod inbound;
mod later;
mod layers;
mod mask;
mod model;
mod read;
mod reader;
mod retry;
mod rows;
mod sections;
mod signature;
mod source;
mod table;
mod target;
mod transform;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use alerts::Alerts;
pub use application::Application;
pub use database::Database;
pub use environment::Environment;
pub use event_type::EventType;
pub use fault::{Fault, Faults, Line, Place, Severity};
pub use identifier::{FunctionName, TableName, Tables};
pub use model::{Model, Operation};
pub use rows::{Declared, Row, RowFault, RowTable};
pub use sections::{Delivery, Int8, LogPayload, OnGap, Ops, Payload, Retention, Security};

pub(crate) use table::written as written_key;

use crate::endpoint::Endpoint;
use endpoint::{Settings, Shared};
use filter::Labels;
use inbound::Inbound;
use reader::{Gathered, Problem, Reader, Spot};
use source::Source;
use table::Table;
use value::Value;

/// What holds where nobody says otherwise.
const DEFAULTS: &str = include_str!("defaults.toml");

/// A configuration without faults.
pub struct Config {
    /// Whose changes become events.
    pub database: Database,
    /// Tables with names of their own, in the order of the file.
    pub models: Vec<Model>,
    /// Tenants; `default` is among them.
    pub applications: Vec<Application>,
    /// Events that are derived from changes of models, in the order of the file.
    pub event_types: Vec<EventType>,
    /// Receivers, in the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// How payloads are written.
    pub payload: Payload,
    /// How deliveries are made.
    pub delivery: Delivery,
    /// What may be called.
    pub security: Security,
    /// The port for operators.
    pub ops: Ops,
    /// The receiver of providers' webhooks.
    pub inbound: Inbound,
    /// How long things are kept.
    pub retention: Retention,
    /// Who is told of alerts.
    pub alerts: Alerts,
    /// What `check` mentions though it is no fault.
    pub warnings: Vec<Fault>,
    /// Where each key stands.
    pub places: Places,
    /// What endpoints leave to `[delivery]`.
    defaults: Settings,
    /// `[applications.default]` is there.
    is_default_declared: bool,
}

/// It holds secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

/// Where each key of a configuration stands, for faults that only the database shows.
pub struct Places {
    source: Source,
    spans: BTreeMap<String, Range<usize>>,
}

impl Config {
    /// Reads the file at `path`, if any, under `environment`.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(path: Option<&Path>, environment: &Environment) -> Result<Self, Faults> {
        let mut source = Source::read(path).map_err(|fault| Faults::one(*fault))?;
        let directory = path.and_then(Path::parent).unwrap_or(Path::new(""));
        let Reading { parts, errors, mut warnings, gathered } =
            read(&mut source, directory, environment)?;
        match parts {
            Some(parts) if errors.is_empty() => {
                warnings.extend(path.and_then(|path| source.warn_of_readers(path)));
                Ok(parts.config(warnings, Places { source, spans: gathered.places }))
            }
            _ => Err(errors),
        }
    }
}

struct Reading {
    parts: Option<Parts>,
    errors: Faults,
    warnings: Vec<Fault>,
    gathered: Gathered,
}

/// Reads everything that can be read, faults or not; syntax errors are all that is said of a
/// file that has them.
fn read(
    source: &mut Source,
    directory: &Path,
    environment: &Environment,
) -> Result<Reading, Faults> {
    let defaults = DeTable::parse(DEFAULTS).expect("the built-in defaults are valid TOML");
    let defaults = Spanned::new(0..0, DeValue::Table(defaults.into_inner()));
    let (tree, leaves) = {
        let file = source.parse()?;
        (layers::merge(&defaults, &file, environment), source::leaves_of(&file))
    };
    source.leaves = leaves;
    let reader = Reader::new(environment, directory);
    let parts = Value::root(&reader, &tree).table(Parts::read);
    refuse_bystanders(&reader);
    let (errors, warnings, gathered) = reader.finish(source);
    Ok(Reading { parts, errors, warnings, gathered })
}

struct Parts {
    database: Database,
    models: Vec<Model>,
    applications: Vec<Application>,
    event_types: Vec<EventType>,
    endpoints: Vec<Endpoint>,
    payload: Payload,
    delivery: Delivery,
    defaults: Settings,
    is_default_declared: bool,
    security: Security,
    ops: Ops,
    inbound: Inbound,
    retention: Retention,
    alerts: Alerts,
}

/// Whether the file says what `default` may receive.
fn is_default_declared(root: &mut Table<'_>) -> bool {
    let applications = root.value_of("applications");
    applications.is_some_and(|applications| applications.has_member(application::DEFAULT))
}

impl Parts {
    fn read(root: &mut Table<'_>) -> Option<Self> {
        let database = database::read(root);
        let models = model::read(root);
        let event_types = event_type::read(root, &models);
        let security = sections::read_security(root);
        let tables = database.as_ref().map_or(&[][..], |database| &database.tables);
        let labels = Labels::new(&models, tables);
        let allow_http = security.allow_http;
        let (defaults, delivery) = sections::read_delivery(root, &labels, allow_http);
        let max_event_bytes = delivery.as_ref().map_or(usize::MAX, |d| d.max_event_bytes);
        let is_default_declared = is_default_declared(root);
        let applications = application::read(root);
        let shared = Shared {
            defaults: &defaults,
            applications: &applications,
            labels: &labels,
            allow_http,
            max_event_bytes,
        };
        let endpoints = endpoint::read(root, &shared);
        let payload = sections::read_payload(root);
        let ops = sections::read_ops(root);
        let retention = sections::read_retention(root);
        let inbound = inbound::read(root, ops.as_ref().and_then(|ops| ops.listen));
        let alerts = alerts::read(root, allow_http);
        let (alerts, (retention, kept_inbound)) = (alerts?, retention?);
        Some(Self {
            database: database?,
            models,
            applications,
            event_types,
            endpoints,
            payload: payload?,
            delivery: delivery?,
            defaults,
            is_default_declared,
            security,
            ops: ops?,
            inbound: Inbound { errors: alerts.inbound_errors, retention: kept_inbound, ..inbound? },
            retention,
            alerts,
        })
    }

    fn config(self, mut warnings: Vec<Fault>, places: Places) -> Config {
        warnings.extend(self.unknown_origins(&places));
        let Self {
            database,
            models,
            applications,
            event_types,
            endpoints,
            payload,
            delivery,
            defaults,
            is_default_declared,
            security,
            ops,
            inbound,
            retention,
            alerts,
        } = self;
        Config {
            database,
            models,
            applications,
            event_types,
            endpoints,
            payload,
            delivery,
            defaults,
            is_default_declared,
            security,
            ops,
            inbound,
            retention,
            alerts,
            warnings,
            places,
        }
    }
}

impl Parts {
    /// Origins that no source of this file has. Another daemon may receive them, so it is no
    /// error; but a slip of the pen would let events echo.
    fn unknown_origins(&self, places: &Places) -> Vec<Fault> {
        let names: Vec<&str> =
            self.inbound.sources.iter().map(|source| source.name.as_str()).collect();
        let excluded = self.endpoints.iter().enumerate().flat_map(|(number, endpoint)| {
            let origins = endpoint.filter.exclude_origins.iter().enumerate();
            origins.map(move |(place, origin)| (number, place, origin.as_str()))
        });
        let unknown = excluded.filter(|(.., origin)| *origin != "*" && !names.contains(origin));
        unknown
            .map(|(number, place, origin)| {
                let fix = match table::closest(origin, &names) {
                    Some(name) => format!("did you mean \"{name}\"?"),
                    None => "leave it out, if no other daemon receives for it".to_owned(),
                };
                let key = format!("endpoints[{number}].exclude_origins[{place}]");
                let problem = format!("no inbound source is called \"{origin}\"");
                Fault { severity: Severity::Warning, ..places.fault_at(&key, problem, fix) }
            })
            .collect()
    }
}

/// A variable like `WALHOOK_DATABASE_URL` was surely meant to set something.
fn refuse_bystanders(reader: &Reader<'_>) {
    let known = reader.known();
    for name in reader.environment.bystanders() {
        let meant = known
            .iter()
            .filter(|key| !key.contains(['*', '[']))
            .map(|key| environment::variable_of(key.split('.')))
            .find(|variable| variable.replace("__", "_") == name);
        if let Some(variable) = meant {
            let problem = Problem::new(
                "the levels of a key stand between two underscores",
                format!("call it {variable}"),
            );
            reader.note(Severity::Error, Spot::Variable(name.to_owned()), "", problem);
        }
    }
}

impl Places {
    /// A fault at `key`, as in `endpoints[0].redact_fields."store.Customer".email`, or at the
    /// nearest table around it that the file has.
    pub fn fault_at(&self, key: &str, problem: impl Into<String>, fix: impl Into<String>) -> Fault {
        let mut around = key;
        let span = loop {
            match (self.spans.get(around), around.rfind(['.', '['])) {
                (Some(span), _) => break Some(span),
                (None, Some(end)) => around = &around[..end],
                (None, None) => break None,
            }
        };
        let mut fault = self.source.whole(problem.into(), fix.into());
        fault.key = key.to_owned();
        if let Some(span) = span {
            fault.place = self.source.place_of(span);
        }
        fault
    }
}

/// The source may hold secrets.
impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has every table there is, so that every key is asked for.
    const EVERY_TABLE: &str = r#"
        database.url = "postgres://walhook@localhost"
        models."store.Order" = { table = "public.orders", user = {} }
        delivery.auth = { type = "bearer", token = "x" }
        event_types = [{}]
        endpoints = [{ name = "crm", url = "https://x", auth = {}, tls = {}, retry = {} }]
        [inbound.sources.x]
        retry = {}
        events = {}
        reply = {}
        into = { columns = { id = {} } }
        verify.signature = { versions = { v1 = {} } }
        verify.timestamp = {}
        verify.replay = {}
    "#;
    const SHIPPED: &str = include_str!("../../config.toml");

    fn known() -> std::collections::BTreeSet<String> {
        let mut source = Source::of_text("config.toml", EVERY_TABLE);
        let reading = read(&mut source, Path::new(""), &Environment::default());
        reading.unwrap_or_else(|faults| panic!("{faults}")).gathered.known
    }

    /// The lines of the shipped file under headers of `section` and of what is inside it, with
    /// commented-out headers and keys brought to life.
    fn shipped_section(section: &str) -> String {
        let mut inside = false;
        let alive = |line: &'static str| line.trim_start_matches("# ");
        let lines = SHIPPED.lines().map(alive).filter(|line| {
            if line.starts_with('[') {
                inside = line.trim_start_matches('[').starts_with(section);
            }
            inside
        });
        lines.map(|line| format!(" {line}\n")).collect()
    }

    /// Whether `text` has the key as one, or in a header.
    fn has_key(text: &str, key: &str) -> bool {
        text.contains(&format!(" {key} = "))
            || text
                .lines()
                .filter(|line| line.starts_with(" ["))
                .any(|line| line.split([' ', '[', '.', ']']).any(|part| part == key))
    }

    #[test]
    fn every_key_stands_in_the_shipped_file() {
        let known = known();
        assert!(
            known.contains("endpoints[].retry.jitter") && known.contains("delivery.auth.token")
        );
        for pattern in &known {
            let Some((section, key)) = pattern.split_once('.') else { continue };
            let section = section.trim_end_matches("[]");
            if section == "endpoints" && known.contains(&format!("delivery.{key}")) {
                continue;
            }
            let last = key.rsplit('.').next().unwrap();
            assert!(has_key(&shipped_section(section), last), "{pattern} is missing");
        }
    }

    #[test]
    fn every_key_may_be_shown_in_a_broken_line() {
        let mut words: Vec<String> =
            known().iter().flat_map(|key| key.split(['.', '['])).map(str::to_owned).collect();
        words.retain(|word| !["*", "]"].contains(&word.as_str()));
        words.sort();
        words.dedup();
        assert_eq!(mask::KEYS, words);
    }
}
