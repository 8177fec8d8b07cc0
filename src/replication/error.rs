//! What can go wrong between us and the walsender, named as far as anyone acts on it.

use std::io;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorResponseBody;

use crate::config::dsn::DsnError;

/// Why there is no replication.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the fields are")]
pub enum ReplicationError {
    #[error("cannot connect to PostgreSQL at {host}")]
    Connect { host: String, source: io::Error },
    #[error("PostgreSQL at {host} did not answer in time while {doing}")]
    Timeout { host: String, doing: &'static str },
    #[error("cannot set up TLS")]
    TlsSettings(#[source] DsnError),
    #[error("TLS with PostgreSQL at {host} failed")]
    Tls { host: String, source: io::Error },
    #[error("PostgreSQL at {host} refuses TLS, which sslmode asks for")]
    NoTls { host: String },
    #[error("PostgreSQL at {host} does not let us in: {reason}")]
    Authentication { host: String, reason: String },
    #[error("PostgreSQL at {host} is not a server that target_session_attrs asks for")]
    WrongServer { host: String },
    #[error(
        "no free connection for replication ({message}); raise max_wal_senders or max_connections"
    )]
    NoFreeSender { message: String },
    #[error("no right to replicate ({message}); alter role … replication")]
    NoPrivilege { message: String },
    #[error("replication slot {slot} is in use ({message})")]
    SlotActive { slot: String, message: String },
    #[error("replication slot {slot} does not exist")]
    SlotMissing { slot: String },
    #[error("replication slot {slot} is lost ({message}: {detail})")]
    SlotLost { slot: String, message: String, detail: String },
    #[error(
        "wal_level is not logical ({message}); alter system set wal_level = 'logical', restart"
    )]
    WalLevel { message: String },
    #[error(
        "a publication or another object that the slot's plugin needs is missing ({message}); run `walhook init`"
    )]
    PublicationMissing { message: String },
    #[error("the connection to PostgreSQL ended: {reason}")]
    Disconnected { reason: String, source: Option<io::Error> },
    #[error("PostgreSQL does not follow the protocol: {what}")]
    Protocol { what: String },
    #[error("PostgreSQL reports {message} (SQLSTATE {code})")]
    Server { code: String, message: String },
}

impl ReplicationError {
    /// Whether trying again may help without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::WrongServer { .. }
            | Self::NoFreeSender { .. }
            | Self::SlotActive { .. }
            | Self::Disconnected { .. } => true,
            // Connection, resources, operator, system: of a server that is not well just now.
            Self::Server { code, .. } => {
                ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
            }
            _ => false,
        }
    }

    /// Whether another host of the list might do better.
    pub(super) fn is_about_the_host(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Timeout { .. }
                | Self::Tls { .. }
                | Self::NoTls { .. }
                | Self::WrongServer { .. }
                | Self::NoFreeSender { .. }
                | Self::Disconnected { .. }
                | Self::Protocol { .. }
        )
    }

    pub(super) fn protocol(what: impl Into<String>) -> Self {
        Self::Protocol { what: what.into() }
    }

    pub(super) fn disconnected(source: io::Error) -> Self {
        Self::Disconnected { reason: "input or output failed".to_owned(), source: Some(source) }
    }
}

/// An ErrorResponse's fields, as far as we look at them.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) detail: String,
    /// The C function that raised it: unlike the message it is never translated.
    routine: String,
}

impl Report {
    pub(super) fn read(body: &ErrorResponseBody) -> Self {
        let mut report = Self::default();
        let mut fields = body.fields();
        // Bytes that are no fields end the report; what was read is still worth showing.
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => report.code = text,
                b'M' => report.message = text,
                b'D' => report.detail = text,
                b'R' => report.routine = text,
                _ => {}
            }
        }
        report
    }

    /// What it means while logging in.
    pub(super) fn at_login(self, host: &str) -> ReplicationError {
        if self.code.starts_with("28") {
            let host = host.to_owned();
            return ReplicationError::Authentication { host, reason: self.message };
        }
        self.anywhere()
    }

    /// What it means as the answer to START_REPLICATION.
    pub(super) fn at_start(self, slot: &str) -> ReplicationError {
        let slot = slot.to_owned();
        let Self { message, detail, .. } = self;
        match self.code.as_str() {
            "55006" => ReplicationError::SlotActive { slot, message },
            "42704" => ReplicationError::SlotMissing { slot },
            "55000" if self.routine == "CheckLogicalDecodingRequirements" => {
                ReplicationError::WalLevel { message }
            }
            // The same code also means a slot of another database or a physical one; of these
            // only an invalidated slot comes with a detail, in every version from 15 to 18.
            "55000" if !detail.is_empty() => ReplicationError::SlotLost { slot, message, detail },
            _ => Self { message, detail, ..self }.anywhere(),
        }
    }

    /// What it means in the midst of the stream.
    pub(super) fn in_stream(self) -> ReplicationError {
        match self.code.as_str() {
            "42704" => ReplicationError::PublicationMissing { message: self.message },
            _ => self.anywhere(),
        }
    }

    /// What it means whenever it comes.
    pub(super) fn anywhere(self) -> ReplicationError {
        let Self { code, message, .. } = self;
        match code.as_str() {
            "42501" => ReplicationError::NoPrivilege { message },
            "53300" => ReplicationError::NoFreeSender { message },
            // Shutdown, crash of a neighbour, starting up, dropped database, idle timeout.
            _ if code.starts_with("57P") => {
                ReplicationError::Disconnected { reason: message, source: None }
            }
            _ => ReplicationError::Server { code, message },
        }
    }
}
