//! Capture against a real server: what pgoutput says of real statements, read over SQL, whose
//! bytes are those of a replication session.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may")]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/mod.rs"]
mod support;

mod ddl;
mod messages;
mod partitions;
mod rows;
mod stream;
mod toast;
mod transactions;
mod types;
