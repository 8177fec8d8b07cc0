//! Everything said to PostgreSQL in SQL. The only module that names a table; the statements
//! stand in `sql/`.

mod alerts;
mod callbacks;
pub mod catalog;
mod configuration;
mod copy;
mod described;
mod endpoints;
mod house;
pub mod inbound;
mod inspect;
mod ledger;
mod lines;
mod micros;
mod owner;
mod previews;
mod queue;
mod report;
pub mod schema;
mod session;
mod shared;
mod sql;

pub use alerts::{DueAlert, Told};
pub use callbacks::{DueCall, Occasion};
pub use configuration::Told as ToldRow;
pub use endpoints::{EndpointState, Health, HeldEndpoint, LoadedEndpoint};
pub use house::TableState;
pub use inspect::{PublishedTable, ServerSettings, SlotFacts, TableColumns};
pub use ledger::{Batch, Form, ParkedJob, Rescheduled, Unwritten, Wait};
pub use lines::{Lines, Standing};
pub use owner::{Checkpoint, Reign, SlotState};
pub use previews::Previewed;
pub use queue::{BlockedRun, Bound, Expired, Page, QueuedDelivery};
pub use report::{EndpointReport, LoggedAttempt, OpenAlert, SlotReport, TailCursor};
pub use schema::Installation;
pub use session::Session;
pub use shared::SharedSession;
pub use sql::ALL as STATEMENTS;

use tokio_postgres::error::SqlState;

/// What went wrong at PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No session to be had.
    #[error("cannot connect to PostgreSQL at {target}")]
    Connect {
        /// Host and database, without the password.
        target: String,
        /// The driver's error.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A server took the connection and says nothing.
    #[error("PostgreSQL at {target} did not answer in time while {doing}")]
    Silent {
        /// Host and database, without the password.
        target: String,
        /// What the answer was for.
        doing: &'static str,
    },
    /// The TLS settings of the URL cannot be used.
    #[error("cannot prepare TLS for PostgreSQL")]
    Tls(#[source] crate::config::dsn::DsnError),
    /// Another daemon took the slot.
    #[error("the slot was taken by another daemon")]
    Fenced,
    /// A statement failed.
    #[error("cannot {doing}")]
    Statement {
        /// What the statement was for.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A row was not as the schema says.
    #[error("cannot read what {what} holds")]
    Row {
        /// The table or view.
        what: &'static str,
        /// The driver's error.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl StoreError {
    /// The session is gone; a new one may do.
    pub fn is_disconnected(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Silent { .. } => true,
            Self::Statement { source, .. } => {
                source.is_closed()
                    || source.code().is_none()
                    || source.code().is_some_and(|code| {
                        // Connection exceptions and operator intervention: shutdown, crash, kill.
                        code.code().starts_with("08") || code.code().starts_with("57P")
                    })
            }
            Self::Tls(_) | Self::Fenced | Self::Row { .. } => false,
        }
    }

    /// Trying again may help without anybody doing anything to walhook: besides a lost session, a
    /// full disk, a lock, a deadlock, a cancelled statement, a primary that is a standby just now, a
    /// slot that somebody has not let go of yet, or that we have taken without hearing of it.
    pub fn is_transient(&self) -> bool {
        self.is_disconnected()
            || self.code().is_some_and(|code| {
                let code = code.code();
                matches!(&code[..2], "40" | "53" | "58")
                    || matches!(code, "25006" | "55006" | "55P03" | "57014" | "WH002")
            })
    }

    /// PostgreSQL refused a value, not the statement: another batch may pass.
    pub fn is_about_data(&self) -> bool {
        self.code().is_some_and(|code| {
            let class = &code.code()[..2];
            // Data exception, integrity constraint violation, program limit exceeded; and what a
            // trigger or check of the user's own may raise.
            matches!(class, "22" | "23" | "54" | "P0" | "44")
        })
    }

    /// Transactions got into each other's way; the same again may pass at once.
    pub fn is_conflict(&self) -> bool {
        self.code().is_some_and(|code| code.code().starts_with("40"))
    }

    /// The statement was cancelled, by somebody or by its time limit.
    pub fn is_cancelled(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// The schema `walhook` or a table of it is missing.
    pub fn is_missing_schema(&self) -> bool {
        self.code().is_some_and(|code| {
            [
                SqlState::UNDEFINED_TABLE,
                SqlState::UNDEFINED_FUNCTION,
                SqlState::INVALID_SCHEMA_NAME,
                SqlState::UNDEFINED_COLUMN,
            ]
            .contains(code)
        })
    }

    /// What may be said of it where values must not be seen: PostgreSQL quotes them in messages
    /// and details, and a handler writes its own.
    pub fn without_data(&self) -> String {
        match (self, self.code()) {
            (Self::Statement { .. }, Some(code)) => format!("{self}: SQLSTATE {}", code.code()),
            _ => chain(self),
        }
    }

    /// PostgreSQL's own message, without detail and context.
    pub fn server_message(&self) -> Option<&str> {
        match self {
            Self::Statement { source, .. } => source.as_db_error().map(|error| error.message()),
            _ => None,
        }
    }

    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Statement { source, .. } | Self::Connect { source, .. } => source.code(),
            _ => None,
        }
    }
}

/// The whole chain of causes in one line, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Delays between attempts to reach PostgreSQL again: 100 ms to 5 s, jittered, without end.
pub fn reconnect_backoff() -> impl Iterator<Item = std::time::Duration> + Send + Sync {
    use backon::BackoffBuilder;
    backon::ExponentialBuilder::default()
        .with_min_delay(std::time::Duration::from_millis(100))
        .with_max_delay(std::time::Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build()
}
