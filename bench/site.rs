//! One database with the workload's tables, made for one run and dropped after it.

use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::Failed;

/// A database of one run.
pub(crate) struct Site {
    /// Its name, and the name of its slot and publication.
    pub(crate) name: String,
    /// Its URL for the superuser.
    pub(crate) url: String,
    /// A session in it.
    pub(crate) client: Client,
    /// Where configuration and logs of its consumers lie.
    pub(crate) home: TempDir,
    models: usize,
}

impl Site {
    /// Makes the database `name` at `url`, with `models` tables.
    pub(crate) async fn make(
        admin: &Client,
        name: String,
        url: String,
        models: usize,
    ) -> Result<Self, Failed> {
        admin.batch_execute(&format!("create database {name} template template0")).await?;
        let client = connect(&url).await?;
        let home = tempfile::Builder::new().prefix("walhook-bench-").tempdir()?;
        let site = Self { name, url, client, home, models };
        for table in site.tables() {
            let sql = include_str!("sql/orders.sql").replace("%TABLE%", &table);
            site.client.batch_execute(&sql).await?;
        }
        Ok(site)
    }

    /// The workload's tables.
    pub(crate) fn tables(&self) -> Vec<String> {
        (0..self.models).map(|n| format!("public.orders_{n}")).collect()
    }

    /// Drops slot and database.
    pub(crate) async fn drop(self, admin: &Client) -> Result<(), Failed> {
        // A walsender outlives its consumer for a moment.
        let active = "select count(pg_terminate_backend(active_pid)) from pg_replication_slots \
                      where database = $1 and active";
        for _ in 0..500 {
            let count: i64 = admin.query_one(active, &[&self.name]).await?.try_get(0)?;
            if count == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let slots = "select pg_drop_replication_slot(slot_name) from pg_replication_slots \
                     where database = $1";
        admin.execute(slots, &[&self.name]).await?;
        let Self { name, client, .. } = self;
        drop(client);
        admin.batch_execute(&format!("drop database {name} with (force)")).await?;
        Ok(())
    }

    /// The first column of the one row.
    pub(crate) async fn ask<T>(&self, sql: &str) -> Result<T, Failed>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        Ok(self.client.query_one(sql, &[]).await?.try_get(0)?)
    }
}

/// Opens a session; it ends when the client is dropped.
pub(crate) async fn connect(url: &str) -> Result<Client, Failed> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        // Its end shows in the client's next call.
        let _ = connection.await;
    });
    Ok(client)
}
