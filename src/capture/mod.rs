//! STUB
#![allow(missing_docs)]
use crate::{
    change::*,
    decode::*,
    lsn::*,
    store::catalog::{Answer, Question},
};
#[derive(Debug, thiserror::Error)]
#[error("capture")]
pub struct CaptureError;
#[derive(Debug)]
pub struct Capture;
pub enum Captured {
    Change(Change),
    Emitted(Emitted),
    Commit { position: Position, end: Lsn },
    Nothing,
}
impl Capture {
    pub fn new(_max: usize) -> Self {
        Self
    }
    pub fn reset(&mut self) {}
    pub fn in_transaction(&self) -> bool {
        false
    }
    pub fn question(&self, _m: &Message) -> Option<Question> {
        None
    }
    pub fn learn(&mut self, _a: Answer) {}
    pub fn take(&mut self, _m: Message) -> Result<Captured, CaptureError> {
        Ok(Captured::Nothing)
    }
}
