//! Providers' webhooks into tables, exactly once.
//!
//! ```text
//! server -> receive (pure: verify, split) -> writer -> answer
//!                                              `-> inbound_event -> process -> handlers
//! ```

mod body;
mod encoding;
mod form;
mod json;
mod locate;
mod multipart;
pub(crate) mod server;
mod split;
pub mod verdict;
pub mod verify;
