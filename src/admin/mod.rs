//! What operators do around the pipeline: init, check, health and metrics, a receiver to try.

pub mod init;
pub mod installation;
pub mod pretty;
pub mod receiver;
pub mod verdict;
