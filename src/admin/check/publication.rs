//! The publication and every table in it.

use super::Report;
use super::facts::Facts;
use crate::config::Operation;
use crate::store::schema::advice;

fn subject(facts: &Facts<'_>) -> String {
    format!("publication {}", facts.installation.publication)
}

/// Its name as SQL spells it.
fn quoted(facts: &Facts<'_>) -> String {
    crate::store::schema::identifier(&facts.installation.publication)
}

pub(super) fn exists(facts: &Facts<'_>, report: &mut Report) {
    if facts.observed.publication.is_none() {
        report.error(subject(facts), "does not exist", "walhook init");
    }
}

pub(super) fn options(facts: &Facts<'_>, report: &mut Report) {
    let Some(publication) = facts.observed.publication else { return };
    if !publication.via_root {
        let problem = "publishes partitions under their own names, so that no model knows them";
        let fix = advice::publish_via_root(&facts.installation.publication);
        report.error(subject(facts), problem, &fix);
    }
    if publication.all_tables {
        let problem = "is for all tables: walhook's own log is decoded too, to no end";
        let fix = format!("drop publication {};\nwalhook init", quoted(facts));
        report.warning(subject(facts), problem, &fix);
    }
}

/// Operations that a model makes events of and the publication leaves out.
pub(super) fn operations(facts: &Facts<'_>, report: &mut Report) {
    let Some(publication) = facts.observed.publication else { return };
    let all = [
        (Operation::Created, "insert"),
        (Operation::Updated, "update"),
        (Operation::Deleted, "delete"),
        (Operation::Truncated, "truncate"),
    ];
    let wanted = |operation| {
        let mut models = facts.config.models.iter().filter(|model| model.enabled);
        models.any(|model| model.events.contains(&operation))
            // A table without a model makes events of rows.
            || operation != Operation::Truncated && facts.labelled().any(|l| l.model.is_none())
    };
    let missing: Vec<&str> = all
        .into_iter()
        .zip(publication.publishes)
        .filter(|((operation, _), published)| !published && wanted(*operation))
        .map(|((_, word), _)| word)
        .collect();
    if !missing.is_empty() {
        let problem = format!("does not publish {}, which models want", missing.join(", "));
        let fix = format!(
            "alter publication {} set (publish = 'insert, update, delete, truncate');",
            quoted(facts)
        );
        report.error(subject(facts), problem, &fix);
    }
}

pub(super) fn own_tables(facts: &Facts<'_>, report: &mut Report) {
    let is_for_all = facts.observed.publication.is_some_and(|publication| publication.all_tables);
    for table in facts.published.iter().filter(|table| table.is_ours && !is_for_all) {
        let fix = format!("alter publication {} drop table {};", quoted(facts), table.quoted);
        report.error(
            format!("table {}", table.quoted),
            "is walhook's own and published: each delivery would be decoded again",
            &fix,
        );
    }
}

/// Published tables that the configuration does not name: `init` takes none away.
pub(super) fn strangers(facts: &Facts<'_>, report: &mut Report) {
    if facts.observed.publication.is_some_and(|publication| publication.all_tables) {
        return;
    }
    for table in facts.published.iter().filter(|table| !table.is_ours) {
        let is_named = |schema: &str, name: &str| schema == table.schema && name == table.name;
        let is_captured = facts.observed.tables.iter().any(|t| is_named(&t.schema, &t.name));
        let is_of_model =
            facts.config.models.iter().any(|m| is_named(&m.table.schema, &m.table.name));
        if is_captured || is_of_model {
            continue;
        }
        let problem = "is published, but neither models nor database.tables name it: its changes \
                       are decoded, and sent to endpoints that ask for everything";
        let fix = format!("alter publication {} drop table {};", quoted(facts), table.quoted);
        report.warning(format!("table {}", table.quoted), problem, &fix);
    }
}

/// Published tables whose updates PostgreSQL refuses.
pub(super) fn identities(facts: &Facts<'_>, report: &mut Report) {
    for member in facts.published.iter().flat_map(|table| &table.without_identity) {
        let fix = format!("{}\nor give it a primary key", advice::identity_full(member));
        report.error(
            format!("table {member}"),
            "has no replica identity: published as it is, PostgreSQL refuses its updates and deletes",
            &fix,
        );
    }
}

pub(super) fn filters(facts: &Facts<'_>, report: &mut Report) {
    for table in &facts.published {
        let subject = format!("table {}", table.quoted);
        let again = format!(
            "alter publication {0} drop table {1};\nalter publication {0} add table {1};",
            quoted(facts),
            table.quoted
        );
        if table.has_row_filter {
            let problem = "is published with a row filter: an update that leaves the filter shows \
                           as deleted, one that enters it as created";
            report.warning(&subject, problem, &again);
        }
        if table.has_column_list {
            let problem = "is published with a column list: other columns are in no event";
            report.warning(&subject, problem, &again);
        }
    }
}
