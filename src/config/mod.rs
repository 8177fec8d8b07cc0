//! The configuration: config.toml and the environment, checked whole, with every fault at once.

pub mod dsn;
