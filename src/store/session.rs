//! One session with PostgreSQL, its prepared statements, and how rows are asked for.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::{oneshot, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;
use crate::config::dsn::Dsn;

const SETTINGS: &str = include_str!("../../sql/session.sql");
const QUEUE_SETTINGS: &str = include_str!("../../sql/queue_session.sql");

/// A session. Requests are pipelined, so it may be shared by tasks that need no transaction.
pub struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// Answers when the connection has ended. Dropping the client ends it.
    _connection: oneshot::Receiver<()>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects and applies the session's settings.
    ///
    /// # Errors
    ///
    /// [`StoreError::Connect`] when no server answers or lets us in, [`StoreError::Silent`] when
    /// one takes the connection and says nothing.
    pub async fn connect(dsn: &Dsn) -> Result<Self, StoreError> {
        Self::connect_in_time(dsn, None, SETTINGS).await
    }

    /// Connects for work on the queue, whose plans must not depend on how long it was once. The
    /// session ends when it is cut.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`].
    pub(super) async fn connect_to_queue(
        dsn: &Dsn,
        cut: Option<watch::Receiver<()>>,
    ) -> Result<Self, StoreError> {
        Self::connect_in_time(dsn, cut, &format!("{SETTINGS}{QUEUE_SETTINGS}")).await
    }

    /// The driver's own limit ends with the TCP connection.
    async fn connect_in_time(
        dsn: &Dsn,
        cut: Option<watch::Receiver<()>>,
        settings: &str,
    ) -> Result<Self, StoreError> {
        // As long again as the addresses may take, for logging in.
        let limit = dsn.connect_timeout.saturating_mul(1 + dsn.hosts.len() as u32);
        let connected = Self::connect_and_set(dsn, cut, settings);
        let late = |_| StoreError::Silent { target: dsn.redacted(), doing: "connecting" };
        tokio::time::timeout(limit, connected).await.map_err(late)?
    }

    async fn connect_and_set(
        dsn: &Dsn,
        cut: Option<watch::Receiver<()>>,
        settings: &str,
    ) -> Result<Self, StoreError> {
        let refused = |source| StoreError::Connect { target: dsn.redacted(), source };
        let config = dsn.to_tokio_postgres();
        let tls = dsn.tls().map_err(StoreError::Tls)?;
        let (ended, connection) = oneshot::channel();
        let client = match tls {
            Some(tls) => {
                let tls = MakeRustlsConnect::new(tls);
                let (client, connection) = config.connect(tls).await.map_err(refused)?;
                drive(connection, ended, cut);
                client
            }
            None => {
                let no_tls = tokio_postgres::NoTls;
                let (client, connection) = config.connect(no_tls).await.map_err(refused)?;
                drive(connection, ended, cut);
                client
            }
        };
        client.batch_execute(settings).await.map_err(refused)?;
        Ok(Self { client, statements: Mutex::default(), _connection: connection })
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The driver's client, for statements that are not prepared.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Rows of a statement of `sql/queries`.
    pub(super) async fn rows(
        &self,
        doing: &'static str,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let failed = |source| StoreError::Statement { doing, source };
        let statement = self.prepared(sql).await.map_err(failed)?;
        self.client.query(&statement, parameters).await.map_err(failed).map_err(fenced)
    }

    /// The one row of a statement, if there is one.
    pub(super) async fn row(
        &self,
        doing: &'static str,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(doing, sql, parameters).await?.into_iter().next())
    }

    /// The row of a statement that always has one.
    pub(super) async fn one(
        &self,
        doing: &'static str,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, StoreError> {
        let failed = |source| StoreError::Statement { doing, source };
        let statement = self.prepared(sql).await.map_err(failed)?;
        self.client.query_one(&statement, parameters).await.map_err(failed)
    }

    /// Says a command without parameters or rows.
    pub(super) async fn command(&self, doing: &'static str, sql: &str) -> Result<(), StoreError> {
        self.client
            .batch_execute(sql)
            .await
            .map_err(|source| StoreError::Statement { doing, source })
    }

    pub(super) async fn prepared(
        &self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        let known = self.known(sql);
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        if let Ok(mut statements) = self.statements.lock() {
            statements.insert(sql, statement.clone());
        }
        Ok(statement)
    }

    fn known(&self, sql: &'static str) -> Option<Statement> {
        self.statements.lock().ok()?.get(sql).cloned()
    }
}

/// The connection lives in a task of its own until the client is dropped, the server leaves, or
/// it is cut; `ended` is dropped with it.
fn drive<S, T>(
    connection: tokio_postgres::Connection<S, T>,
    ended: oneshot::Sender<()>,
    cut: Option<watch::Receiver<()>>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let is_cut = async {
            if let Some(mut cut) = cut
                && cut.changed().await.is_ok()
            {
                return;
            }
            // Nobody can cut it.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = connection => {
                // Whoever waits for an answer learns of the error too; here it is for the log only.
                if let Err(error) = result {
                    tracing::debug!(error = %super::chain(&error), "a session with PostgreSQL ended");
                }
            }
            () = is_cut => tracing::debug!("a session with PostgreSQL is cut"),
        }
        drop(ended);
    });
}

fn fenced(error: StoreError) -> StoreError {
    match error {
        StoreError::Statement { ref source, .. }
            if source.code().is_some_and(|code| code.code() == "WH001") =>
        {
            StoreError::Fenced
        }
        error => error,
    }
}
