//! Whether the tables that events are made of are still what they were when they were bound. A
//! table is known by its oid: a renamed one keeps its model, one that was dropped and made anew
//! is another, and nobody reads it.

use std::collections::HashMap;

use serde_json::json;

use crate::config::TableName;
use crate::event::job::{Alert, Severity};
use crate::route::BoundModel;
use crate::store::{Session, StoreError, TableState};

/// The tables, and what was last told of each.
#[derive(Debug)]
pub(super) struct Tables {
    publication: String,
    known: HashMap<u32, Known>,
}

#[derive(Debug)]
struct Known {
    label: String,
    name: TableName,
    told: Option<String>,
}

impl Tables {
    pub(super) fn new(publication: &str, models: &[(TableName, BoundModel)]) -> Self {
        let known = models.iter().map(|(name, model)| {
            let (label, name) = (model.label.clone(), name.clone());
            (model.oid, Known { label, name, told: None })
        });
        Self { publication: publication.to_owned(), known: known.collect() }
    }

    /// Raises an alert for each table that changed its name or is published no more.
    pub(super) async fn look(&mut self, session: &Session) -> Result<(), StoreError> {
        let tables = self.known.iter().map(|(oid, known)| (*oid, &known.name));
        for state in session.table_states(tables, &self.publication).await? {
            let Some(known) = self.known.get_mut(&state.oid) else { continue };
            let Some((kind, severity, message)) = known.judge(&state, &self.publication) else {
                known.told = None;
                continue;
            };
            if known.told.as_ref() == Some(&message) {
                continue;
            }
            tracing::warn!(model = known.label, kind, "{message}");
            let details = json!({"model": known.label, "table": shown(&known.name)});
            let alert = Alert {
                severity,
                kind,
                application: None,
                endpoint_name: None,
                count: None,
                message: message.clone(),
                details,
            };
            session.raise_alert_once(&alert).await?;
            known.told = Some(message);
        }
        Ok(())
    }
}

impl Known {
    fn judge(
        &self,
        state: &TableState,
        publication: &str,
    ) -> Option<(&'static str, Severity, String)> {
        let (label, table) = (&self.label, shown(&self.name));
        let mend = "no events are made of it; run `walhook init` and reload";
        let missing = |severity, what: &str| {
            let message = format!("table {table} of model {label} {what}: {mend}");
            Some(("table_missing", severity, message))
        };
        match &state.name {
            None if state.is_replaced => missing(Severity::Critical, "was dropped and made anew"),
            // Perhaps as it should be.
            None => missing(Severity::Warning, "was dropped"),
            Some(_) if !state.is_published => {
                missing(Severity::Critical, &format!("is not in publication {publication}"))
            }
            Some(name) if *name != self.name => {
                let message = format!(
                    "table {table} of model {label} is called {} now; its events go on, until the \
                     configuration is read again",
                    shown(name)
                );
                Some(("table_renamed", Severity::Warning, message))
            }
            Some(_) => None,
        }
    }
}

fn shown(name: &TableName) -> String {
    format!("{}.{}", name.schema, name.name)
}
