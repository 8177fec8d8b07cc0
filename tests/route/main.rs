//! From a change to the bodies that endpoints get.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their helpers")]

mod bodies;
mod conditions;
mod fail_closed;
mod filters;
mod given;
mod random;
mod truth;
