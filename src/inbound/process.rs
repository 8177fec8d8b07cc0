//! Stub until the processor is merged.
use crate::config::dsn::Dsn;
use crate::config::inbound::Inbound;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
/// Stub.
#[allow(missing_docs)]
pub struct Processing {
    pub dsn: Dsn,
    pub settings: watch::Receiver<Arc<Inbound>>,
    pub metrics: Arc<Metrics>,
    pub wake: Arc<Notify>,
}
/// Stub.
pub async fn run(_: Processing, mut shutdown: Shutdown) {
    shutdown.stopped().await
}
