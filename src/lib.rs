//! walhook: committed PostgreSQL changes as signed, ordered, logged webhooks.
//!
//! A new reader starts at `pipeline.rs`. Modules import only from lower ranks; `tests/layers`
//! holds the ranks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

// Words.
pub mod condition;
pub mod lsn;
pub mod metrics;
pub mod secret;
pub mod shutdown;
pub mod value;

pub mod template;

pub mod change;
pub mod endpoint;
pub mod predicate;
pub mod sign;

pub mod event;

// Readers.
pub mod config;
pub mod decode;

// Edges to PostgreSQL.
pub mod replication;
pub mod store;

// Stages.
pub mod capture;
pub mod deliver;
pub mod inbound;
pub mod ledger;
pub mod route;

// Joins.
pub mod admin;
pub mod pipeline;

// The whole.
pub mod cli;
pub mod daemon;
pub mod demo;

use std::ffi::OsString;

use cli::Task;

/// Reads the command line and does what it says.
///
/// The rooms of the top floor meet only here; none of them imports another.
///
/// # Errors
/// When it could not be done; the failure knows its exit code and its text.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), cli::Failure> {
    match cli::run(arguments)? {
        Task::Done => Ok(()),
        Task::Daemon(start) => start.run(daemon::run),
        Task::Demo(start) => start.run(|options, stop| {
            let options = demo::Options { exit_after: options.exit_after, events: options.events };
            demo::run(options, anstream::stdout(), stop, |config, shutdown| {
                let (_, no_reloads) = tokio::sync::mpsc::channel(1);
                daemon::run(config, no_reloads, shutdown)
            })
        }),
    }
}
