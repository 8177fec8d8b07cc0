//! What operators do around the pipeline: init, check, health and metrics, a receiver to try.

pub mod check;
pub mod init;
pub mod installation;
pub mod ops;
pub mod pretty;
pub mod receiver;
pub mod status;
pub mod tail;
pub mod verdict;
