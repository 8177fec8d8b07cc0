//! The `walhook` binary: exit codes, nothing else.

#![forbid(unsafe_code)]

fn main() {}
