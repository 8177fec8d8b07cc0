//! Labels and columns that models and endpoints name, and columns that should perhaps not go out.

use super::Report;
use super::facts::Facts;
use crate::config::{Fault, Severity, written_key};
use crate::endpoint::Filter;
use crate::endpoint::glob_matches;
use crate::route::selects_model;

/// A list of fields by label, in the configuration's words.
struct Named<'a> {
    key: &'static str,
    lists: Vec<(&'a str, Vec<&'a str>)>,
}

fn named(filter: &Filter) -> [Named<'_>; 3] {
    let masks = filter.redact_fields.iter().map(|(label, masks)| {
        (label.as_str(), masks.iter().map(|(name, _)| name.as_str()).collect())
    });
    [
        Named { key: "include_fields", lists: borrowed(&filter.include_fields) },
        Named { key: "exclude_fields", lists: borrowed(&filter.exclude_fields) },
        Named { key: "redact_fields", lists: masks.collect() },
    ]
}

fn borrowed(lists: &[(String, Vec<String>)]) -> Vec<(&str, Vec<&str>)> {
    lists
        .iter()
        .map(|(label, names)| (label.as_str(), names.iter().map(String::as_str).collect()))
        .collect()
}

fn warning(mut fault: Fault) -> Fault {
    fault.severity = Severity::Warning;
    fault
}

/// Labels in the lists of fields, and globs over labels, that nothing answers to.
pub(super) fn labels(facts: &Facts<'_>, report: &mut Report) {
    let mut known: Vec<String> = facts.labelled().map(|labelled| labelled.label).collect();
    known.extend(facts.config.models.iter().map(|model| model.label.clone()));
    let places = &facts.config.places;
    for (index, endpoint) in facts.config.endpoints.iter().enumerate() {
        for Named { key, lists } in named(&endpoint.filter) {
            for (label, _) in lists {
                if label == "*" || known.iter().any(|known| known == label) {
                    continue;
                }
                let key = format!("endpoints[{index}].{key}.{}", written_key(label));
                let problem = format!("no model or captured table is called {label}");
                report.configuration.push(places.fault_at(
                    &key,
                    problem,
                    suggestion(label, &known),
                ));
            }
        }
        let globs = [
            ("include_models", &endpoint.filter.include_models),
            ("exclude_models", &endpoint.filter.exclude_models),
        ];
        for (key, globs) in globs {
            for (at, glob) in globs.iter().enumerate() {
                if known.iter().any(|label| glob_matches(glob, label)) {
                    continue;
                }
                let key = format!("endpoints[{index}].{key}[{at}]");
                let problem = format!("`{glob}` matches no model and no captured table");
                let fault = places.fault_at(&key, problem, suggestion(glob, &known));
                report.configuration.push(warning(fault));
            }
        }
    }
}

fn suggestion(given: &str, known: &[String]) -> String {
    let distance = |known: &&String| strsim::damerau_levenshtein(given, known);
    let near = known.iter().filter(|known| distance(known) <= 3).min_by_key(distance);
    match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            "take the label of a model, or schema.table of a captured table without one".to_owned()
        }
    }
}

/// Names of fields under a label that its table has no column for.
pub(super) fn columns(facts: &Facts<'_>, report: &mut Report) {
    for (index, endpoint) in facts.config.endpoints.iter().enumerate() {
        for Named { key, lists } in named(&endpoint.filter) {
            for (label, names) in lists {
                for (at, name) in names.iter().enumerate() {
                    let below = match key {
                        "redact_fields" => format!(".{}", written_key(name)),
                        _ => format!("[{at}]"),
                    };
                    let key = format!("endpoints[{index}].{key}.{}{below}", written_key(label));
                    missing_column(facts, (label, name), &key, report);
                }
            }
        }
    }
}

fn missing_column(facts: &Facts<'_>, (label, name): (&str, &str), key: &str, report: &mut Report) {
    let places = &facts.config.places;
    let tables: Vec<_> = facts
        .labelled()
        .filter(|labelled| label == "*" || labelled.label == label)
        .map(|labelled| (labelled.table, facts.columns_of(labelled.table)))
        // A table that does not exist is told of as such.
        .filter(|(_, columns)| !columns.is_empty())
        .collect();
    let lacking = tables.iter().filter(|(_, columns)| !finds(columns, name)).count();
    // For every model it is enough that one has it.
    if tables.is_empty() || lacking < if label == "*" { tables.len() } else { 1 } {
        return;
    }
    if label == "*" {
        let problem = format!("no captured table has a column {name}");
        report.configuration.push(warning(places.fault_at(key, problem, "correct or remove it")));
        return;
    }
    let (table, columns) = tables[0];
    let all: Vec<String> = columns.iter().map(|(column, _)| column.clone()).collect();
    let problem = format!(
        "the table {} has no column {name}, nor a json column that it could be a path into",
        table.quoted
    );
    let distance = |column: &&String| strsim::damerau_levenshtein(name, column);
    let near = all.iter().filter(|column| distance(column) <= 3).min_by_key(distance);
    let fix = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("take one of its columns: {}", all.join(", ")),
    };
    report.configuration.push(places.fault_at(key, problem, fix));
}

/// Whether `name` is a column, or a dotted path into one that holds json.
fn finds(columns: &[(String, bool)], name: &str) -> bool {
    columns.iter().any(|(column, holds_json)| {
        let below = name.strip_prefix(column.as_str());
        below.is_some_and(|below| below.is_empty() || *holds_json && below.starts_with('.'))
    })
}

/// Columns that say who did it.
pub(super) fn user_columns(facts: &Facts<'_>, report: &mut Report) {
    for labelled in facts.labelled() {
        let Some(model) = labelled.model else { continue };
        let columns = facts.columns_of(labelled.table);
        for (member, column) in &model.user {
            if columns.is_empty() || columns.iter().any(|(name, _)| name == column) {
                continue;
            }
            let label = written_key(&model.label);
            let key = format!("models.{label}.user.{}", written_key(member));
            let problem = format!("the table {} has no column {column}", labelled.table.quoted);
            let all: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let fix = format!("take one of its columns: {}", all.join(", "));
            report.configuration.push(facts.config.places.fault_at(&key, problem, fix));
        }
    }
}

/// Parts of names that suggest a secret.
const SENSITIVE: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "ssn",
    "social_security",
    "card_number",
    "credit_card",
];

/// Columns with telling names that an endpoint would get.
pub(super) fn sensitive(facts: &Facts<'_>, report: &mut Report) {
    for (index, endpoint) in facts.config.endpoints.iter().enumerate() {
        for labelled in facts.labelled().filter(|l| selects_model(&endpoint.filter, &l.label)) {
            let label = &labelled.label;
            let shown: Vec<&str> = facts
                .columns_of(labelled.table)
                .iter()
                .map(|(column, _)| column.as_str())
                .filter(|column| is_telling(column) && shows(&endpoint.filter, label, column))
                .collect();
            if shown.is_empty() {
                continue;
            }
            let problem =
                format!("endpoint {} would get {} of {label}", endpoint.name, shown.join(", "));
            let names: Vec<String> = shown.iter().map(|name| format!("\"{name}\"")).collect();
            let fix = format!(
                "exclude_fields = {{ {} = [{}] }}, or redact them",
                written_key(label),
                names.join(", ")
            );
            let key = format!("endpoints[{index}].exclude_fields");
            report.configuration.push(warning(facts.config.places.fault_at(&key, problem, fix)));
        }
    }
}

fn is_telling(column: &str) -> bool {
    let column = column.to_lowercase();
    SENSITIVE.iter().any(|word| match *word {
        // Short enough to stand in other words.
        "ssn" => column.split('_').any(|part| part == "ssn"),
        word => column.contains(word),
    })
}

/// Whether an endpoint gets `column` of `label` as it is.
fn shows(filter: &Filter, label: &str, column: &str) -> bool {
    let [include, exclude, redact] = named(filter);
    let of_label = |list: &Named<'_>| -> Option<bool> {
        let mut lists =
            list.lists.iter().filter(|(key, _)| *key == "*" || *key == label).peekable();
        lists.peek()?;
        Some(lists.any(|(_, names)| names.contains(&column)))
    };
    of_label(&include).unwrap_or(true)
        && !of_label(&exclude).unwrap_or(false)
        && !of_label(&redact).unwrap_or(false)
}
