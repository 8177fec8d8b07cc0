//! Everything said to PostgreSQL in SQL.

pub mod catalog;
