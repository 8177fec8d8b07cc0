//! Keeping house: partitions of the log, names of tables and columns.

use std::time::Duration;

use super::{Session, StoreError, sql};
use crate::config::TableName;

/// What has become of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// Its oid.
    pub oid: u32,
    /// What it is called now; `None` if it is gone.
    pub name: Option<TableName>,
    /// Whether the publication has it.
    pub is_published: bool,
    /// Whether another table has the name that it had.
    pub is_replaced: bool,
}

impl Session {
    /// Makes the log's partitions for a week either way.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], among others when somebody holds the log locked: next time.
    pub async fn make_partitions(&self) -> Result<(), StoreError> {
        self.rows("make partitions of the log", sql::make_partitions, &[]).await?;
        Ok(())
    }

    /// Drops the log's partitions older than the retention of successful and failed deliveries.
    ///
    /// # Errors
    ///
    /// As for [`Session::make_partitions`].
    pub async fn drop_partitions(
        &self,
        (succeeded, failed): (Duration, Duration),
    ) -> Result<(), StoreError> {
        let microseconds = |age: Duration| i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        self.rows(
            "drop partitions of the log",
            sql::drop_partitions,
            &[&microseconds(succeeded), &microseconds(failed)],
        )
        .await?;
        Ok(())
    }

    /// The oid of a table; `None` if there is none of this name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn relation_oid(&self, table: &TableName) -> Result<Option<u32>, StoreError> {
        let TableName { schema, name } = table;
        let row = self.row("look up a table", sql::relation_oid, &[schema, name]).await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Tables of a publication, by oid.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn modelled_tables(
        &self,
        publication: &str,
    ) -> Result<Vec<(u32, TableName)>, StoreError> {
        let rows = self.rows("read the publication", sql::modelled_tables, &[&publication]).await?;
        let table = |row: &tokio_postgres::Row| {
            (row.get(0), TableName { schema: row.get(1), name: row.get(2) })
        };
        Ok(rows.iter().map(table).collect())
    }

    /// Columns of a table when it was last in order with the configuration.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn good_columns(&self, relation: u32) -> Result<Vec<(i16, String)>, StoreError> {
        let rows = self.rows("read known columns", sql::good_columns, &[&relation]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Notes that a table is in order with these columns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn keep_good_columns(
        &self,
        relation: u32,
        columns: &[(i16, String)],
    ) -> Result<(), StoreError> {
        let (numbers, names): (Vec<i16>, Vec<&str>) =
            columns.iter().map(|(number, name)| (*number, name.as_str())).unzip();
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&relation, &numbers, &names];
        self.rows("note known columns", sql::keep_good_columns, &parameters).await?;
        Ok(())
    }

    /// What has become of tables that had these oids and names.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn table_states(
        &self,
        tables: impl Iterator<Item = (u32, &TableName)> + Send,
        publication: &str,
    ) -> Result<Vec<TableState>, StoreError> {
        let (mut oids, mut schemas, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (oid, name) in tables {
            oids.push(oid);
            schemas.push(name.schema.as_str());
            names.push(name.name.as_str());
        }
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&oids, &schemas, &names, &publication];
        let rows = self.rows("look at the tables", sql::table_states, &parameters).await?;
        let state = |row: &tokio_postgres::Row| {
            let schema: Option<String> = row.get(1);
            let name = schema.zip(row.get(2)).map(|(schema, name)| TableName { schema, name });
            TableState { oid: row.get(0), name, is_published: row.get(3), is_replaced: row.get(4) }
        };
        Ok(rows.iter().map(state).collect())
    }
}
