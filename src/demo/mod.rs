//! `walhook demo`: a throwaway cluster, a shop, a daemon and a receiver.

pub mod cluster;
