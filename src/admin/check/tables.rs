//! The captured tables.

use super::Report;
use super::facts::{Facts, Labelled};
use crate::config::{Severity, Tables, written_key};
use crate::store::schema::advice;

/// A model or list that names what cannot be captured is a fault of the configuration.
pub(super) fn exist(facts: &Facts<'_>, report: &mut Report) {
    for Labelled { label, model, table } in facts.labelled() {
        let ancestor = table.published_ancestor.as_ref();
        let (problem, fix) = match (table.impossible(), ancestor) {
            (Some((problem, fix)), _) => (problem, fix),
            (None, Some(root)) => (
                format!("is a partition of {root}, whose model its changes belong to"),
                format!("table = \"{root}\""),
            ),
            (None, None) => continue,
        };
        let key = match model {
            Some(_) => format!("models.{}.table", written_key(&label)),
            None => key_of_listed(facts, &table.schema, &table.name),
        };
        let problem = format!("{} {problem}", table.quoted);
        report.configuration.push(facts.config.places.fault_at(&key, problem, fix));
    }
}

fn key_of_listed(facts: &Facts<'_>, schema: &str, name: &str) -> String {
    let mut listed = facts.config.database.tables.iter();
    let position = listed.position(
        |tables| matches!(tables, Tables::One(table) if table.schema == schema && table.name == name),
    );
    position.map_or_else(
        || "database.tables".to_owned(),
        |position| format!("database.tables[{position}]"),
    )
}

/// A schema of which nothing is captured was probably meant to be another.
pub(super) fn fill_schemas(facts: &Facts<'_>, report: &mut Report) {
    for (at, listed) in facts.config.database.tables.iter().enumerate() {
        let Tables::Schema(schema) = listed else { continue };
        if facts.observed.tables.iter().any(|table| table.schema == *schema) {
            continue;
        }
        let key = format!("database.tables[{at}]");
        let problem = format!("there is no schema {schema}, or it has no tables");
        let mut fault = facts.config.places.fault_at(&key, problem, "correct or remove it");
        fault.severity = Severity::Warning;
        report.configuration.push(fault);
    }
}

pub(super) fn are_published(facts: &Facts<'_>, report: &mut Report) {
    if facts.observed.publication.is_none() {
        return;
    }
    for table in &facts.observed.tables {
        let is_known = table.is_published || table.published_ancestor.is_some();
        if is_known || table.impossible().is_some() {
            continue;
        }
        // Published without an identity, the application's updates would break.
        let identity: String = table
            .without_identity
            .iter()
            .map(|member| advice::identity_full(member) + "\n")
            .collect();
        let publication = &facts.installation.publication;
        let fix = identity + &advice::publish_table(publication, &table.quoted);
        let problem = format!("is not in the publication {publication}");
        report.error(format!("table {}", table.quoted), problem, &fix);
    }
}

pub(super) fn keep_old_values(facts: &Facts<'_>, report: &mut Report) {
    for Labelled { label, model, table } in facts.labelled() {
        if !model.is_some_and(|model| model.old_values) {
            continue;
        }
        // Those without any identity are told of as such.
        let told = |member: &String| table.is_published && table.without_identity.contains(member);
        for member in table.not_full.iter().filter(|member| !told(member)) {
            let problem = format!(
                "does not keep old values, which the model {label} wants (or old_values = false)"
            );
            report.error(format!("table {member}"), problem, &advice::identity_full(member));
        }
    }
}
