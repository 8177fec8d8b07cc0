//! One endpoint, one lane: outgoing webhook calls and what becomes of them.

pub mod alerts;
pub mod callbacks;
pub mod classify;
pub mod client;
pub mod connect_error;
pub mod connection;
pub mod connector;
pub mod fetch;
pub mod guard;
pub mod network;
pub mod request;
pub mod resolver;
pub mod retry;
pub mod tls;

mod answer;
mod authorize;
mod call;
mod failure;
pub mod lane;
mod names;
mod spelling;
mod token;
mod wire;
