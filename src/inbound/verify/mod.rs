//! Stub until the verifier is merged.
use super::verdict::{Request, Verdict};
use crate::config::inbound::Source;
use std::sync::Arc;
/// Stub.
#[derive(Debug)]
pub struct Verifier(Arc<Source>);
impl Verifier {
    /// Stub.
    pub fn new(source: Arc<Source>) -> Self {
        Self(source)
    }
    /// Stub.
    pub fn judge(&self, _: &Request, _: i64, _: Option<&[u8]>) -> Verdict {
        unimplemented!("{:?}", self.0)
    }
}
