//! Messages of the WAL to changes of rows: relations, transactions, actors.
