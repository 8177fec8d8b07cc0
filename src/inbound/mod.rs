//! Providers' webhooks into tables, exactly once.
//!
//! ```text
//! server -> receive (pure: verify, split) -> writer -> answer
//!                                              `-> inbound_event -> process -> handlers
//! ```

pub mod process;
pub(crate) mod server;
pub mod verdict;
pub mod writer;
