//! Stub until the writer is merged.
use crate::config::dsn::Dsn;
use crate::shutdown::Shutdown;
use crate::store::inbound::{InboundRequest, Written};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
/// Stub.
#[derive(Clone, Debug)]
pub struct Writer;
/// Stub.
#[derive(Debug)]
pub struct Queue;
/// Not stored.
#[derive(Debug)]
pub struct Unavailable;
/// Stub.
pub fn channel() -> (Writer, Queue) {
    (Writer, Queue)
}
impl Writer {
    /// Stub.
    pub async fn store(&self, _: InboundRequest, _: Duration) -> Result<Written, Unavailable> {
        std::future::ready(Err(Unavailable)).await
    }
}
/// Stub.
pub async fn run(_: Queue, _: Dsn, _: Arc<Notify>, mut shutdown: Shutdown) {
    shutdown.stopped().await
}
