//! One session with PostgreSQL, its prepared statements, and how rows are asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{StoreError, sql};
use crate::config::dsn::Dsn;

pub(super) const SETTINGS: &str = include_str!("../../sql/session.sql");
const WRITER_SETTINGS: &str = include_str!("../../sql/writer_session.sql");
pub(super) const QUEUE_SETTINGS: &str = include_str!("../../sql/queue_session.sql");

/// A session. Requests are pipelined, so it may be shared by tasks that need no transaction.
pub struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    tls: Option<MakeRustlsConnect>,
    /// Ends by itself once the client is dropped and what was asked is answered.
    connection: AbortHandle,
}

/// What becomes of what a server says without being asked.
pub(super) enum Ear {
    /// Notices are logged.
    Log,
    /// Notifications wake somebody; notices are logged.
    Wake(Arc<Notify>),
    /// Nothing: notices may quote what a handler was given.
    Deaf,
}

/// How long a request to cancel may take: it needs a connection of its own.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);

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
        Self::open(dsn, Ear::Log, SETTINGS).await
    }

    /// Connects and applies `settings`. The driver's own limit ends with the TCP connection.
    pub(super) async fn open(dsn: &Dsn, ear: Ear, settings: &str) -> Result<Self, StoreError> {
        // As long again as the addresses may take, for logging in.
        let limit = dsn.connect_timeout.saturating_mul(1 + dsn.hosts.len() as u32);
        let opened = async {
            let session = Self::log_in(dsn, ear).await?;
            session.client.batch_execute(settings).await.map_err(refused(dsn))?;
            Ok(session)
        };
        let late = |_| StoreError::Silent { target: dsn.redacted(), doing: "connecting" };
        tokio::time::timeout(limit, opened).await.map_err(late)?
    }

    async fn log_in(dsn: &Dsn, ear: Ear) -> Result<Self, StoreError> {
        let config = dsn.to_tokio_postgres();
        let tls = dsn.tls().map_err(StoreError::Tls)?.map(MakeRustlsConnect::new);
        let (client, connection) = match tls.clone() {
            Some(tls) => {
                let (client, connection) = config.connect(tls).await.map_err(refused(dsn))?;
                (client, drive(connection, ear))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(refused(dsn))?;
                (client, drive(connection, ear))
            }
        };
        Ok(Self { client, statements: Mutex::default(), tls, connection })
    }

    /// Connects for work on the queue, whose plans must not depend on how long it was once.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`].
    pub async fn connect_to_queue(dsn: &Dsn) -> Result<Self, StoreError> {
        Self::open(dsn, Ear::Log, &[SETTINGS, QUEUE_SETTINGS].concat()).await
    }

    /// The same, and lets `news` know whenever somebody asks for something in SQL.
    pub(super) async fn listen_to_queue(dsn: &Dsn, news: Arc<Notify>) -> Result<Self, StoreError> {
        let settings = [SETTINGS, QUEUE_SETTINGS].concat();
        let session = Self::open(dsn, Ear::Wake(news), &settings).await?;
        session.rows("listen for what is asked for", sql::listen_queue, &[]).await?;
        Ok(session)
    }

    /// What ends it when aborted.
    pub(super) fn line(&self) -> AbortHandle {
        self.connection.clone()
    }

    /// Asks the server to stop what it does for this session. Whether it does shows in the answer
    /// to that.
    pub async fn cancel(&self) {
        let token = self.client.cancel_token();
        let asked = async {
            match self.tls.clone() {
                Some(tls) => token.cancel_query(tls).await,
                None => token.cancel_query(NoTls).await,
            }
        };
        // A server that cannot be asked shows in every other way, too.
        let _ = tokio::time::timeout(CANCEL_PATIENCE, asked).await;
    }

    /// Gives the session up at once, whatever is under way.
    pub fn abandon(self) {
        self.connection.abort();
    }

    /// Connects to store inbound events.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`].
    pub async fn connect_to_write(dsn: &Dsn) -> Result<Self, StoreError> {
        Self::open(dsn, Ear::Log, &[SETTINGS, QUEUE_SETTINGS, WRITER_SETTINGS].concat()).await
    }

    /// The server's process for this session.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn backend(&self) -> Result<i32, StoreError> {
        Ok(self.one("ask for the session's process", sql::backend, &[]).await?.get(0))
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

fn refused(dsn: &Dsn) -> impl Fn(tokio_postgres::Error) -> StoreError + use<'_> {
    |source| StoreError::Connect { target: dsn.redacted(), source }
}

/// The connection lives in a task of its own until the client is dropped or the server leaves.
fn drive<S, T>(mut connection: Connection<S, T>, ear: Ear) -> AbortHandle
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move {
        while let Some(message) =
            std::future::poll_fn(|context| connection.poll_message(context)).await
        {
            match (message, &ear) {
                (Ok(AsyncMessage::Notification(_)), Ear::Wake(sleeper)) => sleeper.notify_one(),
                (Ok(AsyncMessage::Notice(notice)), Ear::Log | Ear::Wake(_)) => {
                    tracing::info!(
                        severity = notice.severity(),
                        "PostgreSQL: {}",
                        notice.message()
                    );
                }
                (Ok(_), _) => {}
                // Whoever waits for an answer learns of the error too; here it is for the log only.
                (Err(error), _) => {
                    tracing::debug!(error = %super::chain(&error), "a session with PostgreSQL ended");
                    return;
                }
            }
        }
    });
    task.abort_handle()
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
