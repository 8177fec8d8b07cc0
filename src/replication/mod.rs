//! The replication session: CopyBoth on the frontend protocol. The only speaker of it.
