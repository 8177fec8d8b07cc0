//! walhook: committed PostgreSQL changes as signed, ordered, logged webhooks.
//!
//! A new reader starts at `pipeline.rs`. Modules import only from lower ranks; `tests/layers`
//! holds the ranks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

// Words.
pub mod lsn;
pub mod metrics;
pub mod secret;
pub mod shutdown;
pub mod value;

pub mod change;
pub mod endpoint;
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
pub mod ledger;
pub mod route;

// Joins.
pub mod admin;
pub mod pipeline;

// The whole.
pub mod cli;
pub mod daemon;
pub mod demo;
