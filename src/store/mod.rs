//! Everything said to PostgreSQL in SQL.
