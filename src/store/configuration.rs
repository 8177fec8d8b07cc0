//! What is configured in SQL, and what the daemon says about it there.

use serde_json::{Value, json};

use tokio_postgres::types::{IsNull, PgLsn, ToSql, Type, to_sql_checked};

use super::owner::{lsn, pg_lsn};
use super::{Session, StoreError, sql};
use crate::config::{Application, EventType, Model, Row, RowFault, RowTable};
use crate::lsn::Lsn;

/// A row of the configuration that a message in the WAL tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its table.
    pub table: RowTable,
    /// Its key; of an endpoint the id.
    pub key: String,
}

impl Session {
    /// Rows of SQL's own declarations.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn configuration(&self) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows("read the configuration", sql::configuration, &[]).await?;
        let row = |row: &tokio_postgres::Row| {
            Some(Row {
                table: RowTable::of_name(row.get(0))?,
                key: row.get(1),
                id: row.get(2),
                active_from: row.get::<_, Option<PgLsn>>(3).map(lsn),
                settings: row.get(4),
            })
        };
        Ok(rows.iter().filter_map(row).collect())
    }

    /// Two numbers of which one differs after every change of SQL's declarations.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn configuration_changes(&self) -> Result<(i64, i64), StoreError> {
        let doing = "look at the configuration";
        let row = self.one(doing, sql::configuration_changes, &[]).await?;
        Ok((row.get(0), row.get(1)))
    }

    /// Whether a transaction is over for everybody, so that what it wrote can be seen.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn has_ended(&self, xid: u32) -> Result<bool, StoreError> {
        let row = self.one("look for a transaction", sql::has_ended, &[&Xid(xid)]).await?;
        Ok(row.get(0))
    }

    /// Lets rows whose message stands in a commit at `at` count from there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn activate(&self, told: &[Told], at: Lsn) -> Result<(), StoreError> {
        let tables: Vec<&str> = told.iter().map(|told| told.table.as_str()).collect();
        let keys: Vec<&str> = told.iter().map(|told| told.key.as_str()).collect();
        self.rows("activate the configuration", sql::activate, &[&tables, &keys, &pg_lsn(at)])
            .await?;
        Ok(())
    }

    /// Lets all rows count from `at` on: the WAL that tells of them is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn activate_all(&self, at: Lsn) -> Result<(), StoreError> {
        self.rows("activate the configuration", sql::activate_all, &[&pg_lsn(at)]).await?;
        Ok(())
    }

    /// Writes down what is wrong with each row, or that nothing is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn note_faults(&self, faults: &[RowFault]) -> Result<(), StoreError> {
        let tables: Vec<&str> = faults.iter().map(|fault| fault.table.as_str()).collect();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        let texts: Vec<Option<&str>> = faults.iter().map(|fault| fault.fault.as_deref()).collect();
        self.rows("note faults", sql::note_faults, &[&tables, &keys, &texts]).await?;
        Ok(())
    }

    /// Shows the file's tenants, models and event types in SQL; each model with its table's oid.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn mirror(
        &self,
        applications: &[Application],
        models: &[(u32, Model)],
        event_types: &[EventType],
    ) -> Result<(), StoreError> {
        let applications: Vec<Value> = applications.iter().map(application_row).collect();
        let models: Vec<Value> = models.iter().map(|(oid, model)| model_row(*oid, model)).collect();
        let doing = "show the file's configuration in SQL";
        self.rows(doing, sql::mirror_applications, &[&Value::Array(applications)]).await?;
        let models = Value::Array(models);
        self.rows(doing, sql::forget_models, &[&models]).await?;
        self.rows(doing, sql::mirror_models, &[&models]).await?;
        let event_types = Value::Array(event_types.iter().map(event_type_row).collect());
        self.rows(doing, sql::mirror_event_types, &[&event_types]).await?;
        Ok(())
    }
}

/// A transaction id, which the driver has no type for.
#[derive(Debug)]
struct Xid(u32);

impl ToSql for Xid {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        bytes::BufMut::put_u32(out, self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::XID
    }

    to_sql_checked!();
}

fn application_row(application: &Application) -> Value {
    let Application { name, admin_role, reach } = application;
    json!({"name": name, "admin_role": admin_role, "key": reach.key, "models": reach.models})
}

fn model_row(oid: u32, model: &Model) -> Value {
    let events: Vec<&str> = model.events.iter().map(|event| event.as_str()).collect();
    let user: serde_json::Map<String, Value> =
        model.user.iter().map(|(member, column)| (member.clone(), json!(column))).collect();
    json!({
        "label": model.label,
        "relation": oid.to_string(),
        "events": events,
        "enabled": model.enabled,
        "event_prefix": model.event_prefix,
        "user_columns": user,
        "old_values": model.old_values,
        "condition": model.condition.as_ref().map(|condition| condition.text()),
        "application": model.application,
    })
}

fn event_type_row(event_type: &EventType) -> Value {
    let on: Vec<&str> = event_type.on.iter().map(|event| event.as_str()).collect();
    json!({
        "name": event_type.name,
        "model": event_type.model,
        "on_events": on,
        "condition": event_type.condition.as_ref().map(|condition| condition.text()),
    })
}
