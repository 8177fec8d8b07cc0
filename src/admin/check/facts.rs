//! What the checks judge.

use std::collections::HashMap;

use super::placed::{Placed, placed};
use crate::admin::installation::installation;
use crate::config::dsn::{Dsn, DsnError};
use crate::config::{Config, FunctionName, Model};
use crate::store::catalog::RelationFacts;
use crate::store::inbound::{Handler, MappingFault};
use crate::store::schema::{Installation, MIGRATIONS, Observed, TableState};
use crate::store::{PublishedTable, ServerSettings, Session, SlotFacts, StoreError};
use crate::value::Declared;

/// A configuration and the database it is for.
pub(super) struct Facts<'a> {
    pub(super) config: &'a Config,
    pub(super) installation: Installation,
    pub(super) observed: Observed,
    pub(super) settings: ServerSettings,
    pub(super) published: Vec<PublishedTable>,
    pub(super) slot: Option<SlotFacts>,
    /// Decoding fails for want of the publication at the slot's position.
    pub(super) lacks_publication: bool,
    /// Name of each column and whether it holds json, by oid.
    pub(super) columns: HashMap<u32, Vec<(String, bool)>>,
    /// Captured tables, and what conditions must know of their columns.
    pub(super) declared: Vec<(RelationFacts, Vec<Declared>)>,
    /// Conditions, and what PostgreSQL has against them.
    pub(super) placed: Vec<Placed<'a>>,
    /// What is wrong with the `into` of a source.
    pub(super) mapping_faults: Vec<(String, MappingFault)>,
    /// Functions that handle inbound events.
    pub(super) handlers: Vec<Handler>,
    /// Keys of callbacks that cannot be called, and the functions that they name.
    pub(super) missing_callbacks: Vec<(&'static str, &'a FunctionName)>,
}

/// Why nothing can be judged.
pub(super) enum Blocked {
    Dsn(DsnError),
    Store(StoreError),
}

impl From<StoreError> for Blocked {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A captured table under the name that filters know it by.
pub(super) struct Labelled<'a> {
    pub(super) label: String,
    pub(super) model: Option<&'a Model>,
    pub(super) table: &'a TableState,
}

pub(super) async fn gather(config: &Config) -> Result<Facts<'_>, Blocked> {
    let dsn = Dsn::parse(config.database.url.expose()).map_err(Blocked::Dsn)?;
    let session = Session::connect(&dsn).await?;
    session.only_look().await?;
    let installation = installation(config);
    let observed = session.observe(&installation).await?;
    let Installation { slot, publication, .. } = &installation;
    let settings = session.server_settings().await?;
    let published = session.published_tables(publication).await?;
    let slot_facts = session.slot_facts(slot, publication).await?;
    // Only a slot that nobody uses, and only on suspicion: the peek takes it for a moment.
    let is_suspicious = slot_facts.as_ref().is_some_and(|facts| facts.is_older_than_publication)
        && observed.slot.as_ref().is_some_and(|slot| slot.active_pid.is_none() && !slot.is_lost());
    let lacks_publication = is_suspicious && session.lacks_publication(slot, publication).await;
    let oids: Vec<u32> = observed.tables.iter().filter_map(|table| table.oid).collect();
    let columns = session.table_columns(&oids).await?;
    let columns = columns.into_iter().map(|table| (table.oid, table.columns)).collect();
    // Without the schema, or with an older one, that is the fault to tell of.
    let is_installed = observed.version == MIGRATIONS.len() as i32;
    let (mapping_faults, handlers) = match is_installed {
        true => (mapping_faults(config, &session).await?, session.inbound_handlers().await?),
        false => (Vec::new(), Vec::new()),
    };
    let missing_callbacks = missing_callbacks(config, &session).await?;
    let declared = session.declared(&oids).await?;
    let mut facts = Facts {
        config,
        installation,
        observed,
        settings,
        published,
        slot: slot_facts,
        lacks_publication,
        columns,
        declared,
        placed: Vec::new(),
        mapping_faults,
        handlers,
        missing_callbacks,
    };
    let of_tables = facts.labelled().filter_map(|labelled| {
        let oid = labelled.table.oid?;
        let model = facts.model_of(labelled.table);
        Some(placed(config, model, (&labelled.label, oid)))
    });
    let mut placed: Vec<Placed<'_>> = of_tables.flatten().collect();
    for placed in placed.iter_mut().filter(|_| is_installed) {
        let sql = placed.condition.to_sql();
        placed.refusal = session.condition_fault(placed.oid, &sql).await?;
    }
    facts.placed = placed;
    Ok(facts)
}

async fn missing_callbacks<'a>(
    config: &'a Config,
    session: &Session,
) -> Result<Vec<(&'static str, &'a FunctionName)>, StoreError> {
    let named = [
        ("delivery.failure_callback", &config.delivery.failure_callback),
        ("alerts.callback", &config.alerts.callback),
    ];
    let mut missing = Vec::new();
    for (key, function) in named {
        if let Some(function) = function
            && !session.callback_exists(function).await?
        {
            missing.push((key, function));
        }
    }
    Ok(missing)
}

async fn mapping_faults(
    config: &Config,
    session: &Session,
) -> Result<Vec<(String, MappingFault)>, StoreError> {
    let mut found = Vec::new();
    for source in &config.inbound.sources {
        let Some(mapping) = &source.into else { continue };
        let faults = session.mapping_faults(mapping).await?;
        found.extend(faults.into_iter().map(|fault| (source.name.clone(), fault)));
    }
    Ok(found)
}

impl<'a> Facts<'a> {
    /// Every captured table, under its model's label or its own name.
    pub(super) fn labelled(&self) -> impl Iterator<Item = Labelled<'_>> {
        self.observed.tables.iter().map(|table| {
            let model = self.model_of(table);
            let label = match model {
                Some(model) => model.label.clone(),
                None => format!("{}.{}", table.schema, table.name),
            };
            Labelled { label, model, table }
        })
    }

    pub(super) fn model_of(&self, table: &TableState) -> Option<&'a Model> {
        let mut models = self.config.models.iter().filter(|model| model.enabled);
        models.find(|model| model.table.schema == table.schema && model.table.name == table.name)
    }

    pub(super) fn columns_of(&self, table: &TableState) -> &[(String, bool)] {
        let columns = table.oid.and_then(|oid| self.columns.get(&oid));
        columns.map_or(&[], Vec::as_slice)
    }
}
