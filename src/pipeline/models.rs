//! Models bound to the tables that are there now, and events that were held for want of a column.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::setup::{Setup, TakeoverError};
use crate::change::{Column, ReplicaIdentity, Table};
use crate::config::{Declared, EventType, Model, Operation, TableName};
use crate::endpoint::{Endpoint, EndpointId};
use crate::event::job::HoldReason;
use crate::route::{BoundModel, Derived, EventKind, KnownColumn, Router};
use crate::store::catalog::declare;
use crate::store::{Session, StoreError};
use crate::value::Kind;

/// Binds the declared models to their tables, and gives every other published table a model of
/// its own name: what it is called, and what its columns were called, survives a rename.
pub(super) async fn bind(
    session: &Session,
    setup: &Setup,
    declared: &Declared,
) -> Result<Vec<(TableName, BoundModel)>, StoreError> {
    let mut bound = HashMap::new();
    for (oid, table) in session.modelled_tables(&setup.publication).await? {
        let model = setup.routing.undeclared(oid, &table.schema, &table.name);
        bound.insert(oid, (table, model));
    }
    for model in &declared.models {
        let table = &model.table;
        let Some(oid) = session.relation_oid(table).await? else {
            let (label, TableName { schema, name }) = (&model.label, table);
            tracing::error!("table {schema}.{name} of model {label} does not exist: no events");
            continue;
        };
        bound.insert(
            oid,
            (table.clone(), BoundModel { oid, ..unbound(model, &declared.event_types) }),
        );
    }
    let mut models = Vec::with_capacity(bound.len());
    for (table, model) in bound.into_values() {
        models.push((table, with_known_columns(session, model).await?));
    }
    Ok(models)
}

/// Binds the model of one table alone.
pub(super) async fn bind_one(
    session: &Session,
    setup: &Setup,
    declared: &Declared,
    (oid, table): (u32, TableName),
) -> Result<BoundModel, StoreError> {
    let model = declared.models.iter().find(|model| model.table == table);
    let model = match model {
        Some(model) => BoundModel { oid, ..unbound(model, &declared.event_types) },
        None => setup.routing.undeclared(oid, &table.schema, &table.name),
    };
    with_known_columns(session, model).await
}

async fn with_known_columns(
    session: &Session,
    model: BoundModel,
) -> Result<BoundModel, StoreError> {
    let columns = session.good_columns(model.oid).await?;
    let known = columns.into_iter().map(|(attnum, name)| KnownColumn { attnum, name });
    Ok(BoundModel { known_columns: known.collect(), ..model })
}

/// Notes which columns a table has when all is well with it.
pub(super) async fn keep_learned(session: &Session, router: &mut Router) -> Result<(), StoreError> {
    for oid in router.take_learned() {
        let columns = router.known_columns(oid).iter();
        let columns: Vec<_> = columns.map(|known| (known.attnum, known.name.clone())).collect();
        session.keep_good_columns(oid, &columns).await?;
    }
    Ok(())
}

/// Releases events that were held for want of a column or for a condition that did not fit,
/// where the configuration and the tables agree again; returns whose there were.
pub(super) async fn release_mended(
    session: &Session,
    endpoints: &[Arc<Endpoint>],
    (router, tables): (&mut Router, Vec<(u32, TableName)>),
) -> Result<HashSet<EndpointId>, TakeoverError> {
    let relations: Vec<u32> = tables.iter().map(|(oid, _)| *oid).collect();
    let mut is_held = vec![false; endpoints.len()];
    let mut is_unfit = is_held.clone();
    for (facts, declared) in declare(session.client(), &relations).await? {
        let Some((_, name)) = tables.iter().find(|(oid, _)| *oid == facts.oid) else { continue };
        let columns = facts.columns.into_iter().zip(declared).map(|(column, declared)| Column {
            in_primary_key: facts.primary_key.contains(&column.attnum),
            // Bodies are not written of it.
            kind: Kind::Text,
            declared,
            in_identity: true,
            name: column.name,
            attnum: column.attnum,
        });
        let table = Arc::new(Table {
            oid: facts.oid,
            schema: name.schema.clone(),
            name: name.name.clone(),
            identity: ReplicaIdentity::Full,
            columns: columns.collect(),
            order: facts.database_order,
        });
        router.held_endpoints(&table).into_iter().for_each(|endpoint| is_held[endpoint] = true);
        router.unfit_endpoints(&table).into_iter().for_each(|endpoint| is_unfit[endpoint] = true);
    }
    // What does not fit is told of when it matters.
    router.take_unfit();
    let mut released = HashSet::new();
    for (endpoint, (is_held, is_unfit)) in endpoints.iter().zip(is_held.into_iter().zip(is_unfit)) {
        let mended = [(is_held, HoldReason::ColumnMissing), (is_unfit, HoldReason::ConditionUnfit)];
        for (_, reason) in mended.into_iter().filter(|(still, _)| !still) {
            if session.release_held(endpoint.id, reason).await? > 0 {
                released.insert(endpoint.id);
            }
        }
    }
    keep_learned(session, router).await?;
    Ok(released)
}

fn unbound(model: &Model, event_types: &[EventType]) -> BoundModel {
    let derived = event_types.iter().filter(|derived| derived.model == model.label);
    let derived = derived.map(|derived| Derived {
        event_type: derived.name.clone(),
        on: derived.on.iter().map(kind).collect(),
        condition: derived.condition.clone(),
    });
    BoundModel {
        oid: 0,
        label: model.label.clone(),
        app: model.app().to_owned(),
        name: model.name().to_owned(),
        events: model.events.iter().filter(|_| model.enabled).map(kind).collect(),
        event_prefix: model.event_prefix.clone(),
        user: model.user.clone(),
        tenant_column: model.application.clone(),
        condition: model.condition.clone(),
        derived: derived.collect(),
        known_columns: Vec::new(),
    }
}

fn kind(operation: &Operation) -> EventKind {
    match operation {
        Operation::Created => EventKind::Created,
        Operation::Updated => EventKind::Updated,
        Operation::Deleted => EventKind::Deleted,
        Operation::Truncated => EventKind::Truncated,
    }
}
