//! Installing and upgrading the schema `walhook`.

/// What an installation needs.
#[derive(Debug)]
pub struct Installation;
