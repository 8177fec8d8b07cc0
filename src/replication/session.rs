//! A session in replication mode before it streams: login, IDENTIFY_SYSTEM, START_REPLICATION.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;

use super::ReplicationError;
use super::auth::Login;
use super::dial::{self, Link};
use super::error::Report;
use super::stream::{self, Stream};
use super::wire::{HEAD, Wire};
use crate::config::dsn::{Dsn, Host, TargetSession};
use crate::lsn::Lsn;

/// The commands answer at once; a server that does not is not going to.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// COPY_BOTH_RESPONSE_TAG, which postgres-protocol does not know.
const COPY_BOTH_RESPONSE: u8 = b'W';

/// Settings that the text forms of values depend on, whatever server, database and role have.
const SETTINGS: [(&str, &str); 9] = [
    ("replication", "database"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "UTC"),
    ("extra_float_digits", "3"),
    // The text of money and of reg* types must not depend on roles' and databases' settings.
    ("lc_monetary", "C"),
    ("search_path", "pg_catalog"),
    ("bytea_output", "hex"),
];

/// A logged-in session that is not streaming yet.
pub struct Session {
    wire: Wire,
    host: String,
    parameters: Parameters,
}

/// What IDENTIFY_SYSTEM and the login tell of the server.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// The same for a cluster and its physical copies, until one of them is promoted or restored.
    pub system_identifier: u64,
    /// Rises with every promotion.
    pub timeline: u32,
    /// How far the WAL is flushed.
    pub wal_position: Lsn,
    /// As in `15.14 (Debian 15.14-0+deb12u1)`.
    pub server_version: String,
}

/// What the server said of itself while logging us in.
#[derive(Debug, Default)]
struct Parameters {
    server_version: String,
    in_hot_standby: bool,
    read_only: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects to the first suitable host, with TLS as `sslmode` says, and logs in.
    ///
    /// # Errors
    /// [`ReplicationError::Connect`], `Timeout`, `Tls`, `NoTls`, `Authentication`,
    /// `NoPrivilege`, `NoFreeSender`, `WrongServer`; of the last host where several were tried.
    pub async fn connect(dsn: &Dsn) -> Result<Self, ReplicationError> {
        Box::pin(dial::connect(dsn)).await
    }

    pub(super) async fn log_in(
        link: Link,
        dsn: &Dsn,
        host: &Host,
    ) -> Result<Self, ReplicationError> {
        let mut wire = Wire::new(link.io);
        let mut parameters = SETTINGS.to_vec();
        parameters.extend([("user", dsn.user.as_str()), ("database", dsn.dbname.as_str())]);
        parameters.push(("application_name", &dsn.application_name));
        parameters.extend(dsn.options.as_deref().map(|options| ("options", options)));
        frontend::startup_message(parameters, &mut wire.outgoing)
            .map_err(|_| ReplicationError::protocol("a NUL byte in the connection string"))?;
        let (encrypted, end_point) = (link.encrypted, link.end_point);
        Login { dsn, host, wire: &mut wire, encrypted, end_point }.run().await?;
        let mut session = Self { wire, host: host.to_string(), parameters: Parameters::default() };
        session.read_parameters().await?;
        let Parameters { in_hot_standby, read_only, .. } = session.parameters;
        let suits = match dsn.target_session {
            TargetSession::Any => true,
            TargetSession::Primary => !in_hot_standby,
            TargetSession::ReadWrite => !in_hot_standby && !read_only,
        };
        if suits { Ok(session) } else { Err(ReplicationError::WrongServer { host: session.host }) }
    }

    async fn read_parameters(&mut self) -> Result<(), ReplicationError> {
        let malformed = |e: std::io::Error| ReplicationError::protocol(e.to_string());
        loop {
            match self.wire.message().await? {
                Message::ParameterStatus(body) => {
                    let (name, value) =
                        (body.name().map_err(malformed)?, body.value().map_err(malformed)?);
                    match name {
                        "server_version" => self.parameters.server_version = value.to_owned(),
                        "in_hot_standby" => self.parameters.in_hot_standby = value == "on",
                        "default_transaction_read_only" => {
                            self.parameters.read_only = value == "on";
                        }
                        _ => {}
                    }
                }
                Message::ErrorResponse(body) => {
                    return Err(Report::read(&body).at_login(&self.host));
                }
                Message::ReadyForQuery(_) => return Ok(()),
                Message::BackendKeyData(_) | Message::NoticeResponse(_) => {}
                _ => return Err(ReplicationError::protocol("unexpected message after the login")),
            }
        }
    }

    /// Asks which cluster this is.
    ///
    /// # Errors
    /// [`ReplicationError::Disconnected`] and whatever the server reports.
    pub async fn identify_system(&mut self) -> Result<System, ReplicationError> {
        let row = self.command("IDENTIFY_SYSTEM").await?;
        let field = |at: usize| row.get(at).and_then(Option::as_deref);
        let system = (|| {
            Some(System {
                system_identifier: field(0)?.parse().ok()?,
                timeline: field(1)?.parse().ok()?,
                wal_position: field(2)?.parse().ok()?,
                server_version: self.parameters.server_version.clone(),
            })
        })();
        system.ok_or_else(|| ReplicationError::protocol("IDENTIFY_SYSTEM without its columns"))
    }

    /// Starts streaming the changes of `publication` from the logical slot `slot`: what commits
    /// after `from`, or after what the slot has confirmed where that is later.
    ///
    /// # Errors
    /// [`ReplicationError::SlotActive`], `SlotMissing`, `SlotLost`, `WalLevel`, `NoPrivilege`.
    pub async fn start(
        mut self,
        slot: &str,
        publication: &str,
        from: Lsn,
    ) -> Result<Stream, ReplicationError> {
        let row = self.command("SHOW wal_sender_timeout").await?;
        let timeout = row.into_iter().next().flatten();
        let patience = stream::patience_of(timeout.as_deref().unwrap_or_default());
        let command = format!(
            "START_REPLICATION SLOT {} LOGICAL {from} (proto_version '1', publication_names {}, \
             messages 'true')",
            identifier(slot),
            literal(&identifier(publication)),
        );
        let host = self.host.clone();
        in_time(&host, "starting replication", self.start_copy(&command, slot)).await?;
        self.wire.expect_large();
        Ok(Stream::new(self.wire, self.host, patience))
    }

    async fn start_copy(&mut self, command: &str, slot: &str) -> Result<(), ReplicationError> {
        self.send(command)?;
        loop {
            let head = self.wire.head().await?;
            if head.tag == COPY_BOTH_RESPONSE {
                self.wire.take(HEAD + head.body);
                return Ok(());
            }
            match self.wire.parse(head)? {
                Message::ErrorResponse(body) => return Err(Report::read(&body).at_start(slot)),
                Message::NoticeResponse(_) | Message::ParameterStatus(_) => {}
                _ => return Err(ReplicationError::protocol("no stream after START_REPLICATION")),
            }
        }
    }

    /// Runs a command that answers with one row.
    async fn command(&mut self, command: &str) -> Result<Vec<Option<String>>, ReplicationError> {
        let host = self.host.clone();
        in_time(&host, "running a replication command", self.one_row(command)).await
    }

    async fn one_row(&mut self, command: &str) -> Result<Vec<Option<String>>, ReplicationError> {
        self.send(command)?;
        let (mut row, mut failure) = (Vec::new(), None);
        loop {
            match self.wire.message().await? {
                Message::DataRow(body) => row = read_row(&body)?,
                Message::ErrorResponse(body) => failure = Some(Report::read(&body)),
                Message::ReadyForQuery(_) => {
                    return failure.map_or(Ok(row), |report| Err(report.anywhere()));
                }
                Message::RowDescription(_)
                | Message::CommandComplete(_)
                | Message::NoticeResponse(_)
                | Message::ParameterStatus(_) => {}
                _ => return Err(ReplicationError::protocol("unexpected answer to a command")),
            }
        }
    }

    fn send(&mut self, command: &str) -> Result<(), ReplicationError> {
        frontend::query(command, &mut self.wire.outgoing)
            .map_err(|_| ReplicationError::protocol("a NUL byte in a command"))
    }
}

async fn in_time<T>(
    host: &str,
    doing: &'static str,
    work: impl Future<Output = Result<T, ReplicationError>>,
) -> Result<T, ReplicationError> {
    let late = |_| ReplicationError::Timeout { host: host.to_owned(), doing };
    tokio::time::timeout(COMMAND_LIMIT, work).await.map_err(late)?
}

fn read_row(body: &DataRowBody) -> Result<Vec<Option<String>>, ReplicationError> {
    let buffer = body.buffer();
    body.ranges()
        .map(|range| {
            Ok(range
                .and_then(|range| buffer.get(range))
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        })
        .collect()
        .map_err(|e| ReplicationError::protocol(e.to_string()))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(identifier(r#"a"b'c"#), r#""a""b'c""#);
        assert_eq!(literal(&identifier(r#"a"b'c"#)), r#"'"a""b''c"'"#);
    }
}
