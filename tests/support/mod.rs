//! What the integration tests share. Each test binary says `mod support;`.

#![allow(dead_code, reason = "no single test binary uses all of it")]
#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod daemon;
pub mod hell;
pub mod hooks;
pub mod inbound;
pub mod pg;
pub mod poster;
pub mod receiver;
pub mod snippets;
