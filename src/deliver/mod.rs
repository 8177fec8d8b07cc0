//! One endpoint, one lane: outgoing webhook calls and what becomes of them.

pub mod classify;
pub mod client;
pub mod guard;
pub mod retry;
