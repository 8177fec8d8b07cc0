//! Requests signed as providers sign them, and as those who are none do.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their helpers")]

mod bodies;
mod certificates;
mod explain;
mod given;
mod handshakes;
mod jsonb;
mod pitfalls;
mod provider;
mod providers;
mod quirks;
mod random;
#[path = "../support/mod.rs"]
mod support;
