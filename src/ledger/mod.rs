//! The ledger: outcomes to PostgreSQL in batches, and the watermark that may be confirmed.
