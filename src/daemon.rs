//! `walhook run`: the pipeline, its listeners and signals.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::dsn::{Dsn, DsnError};
use crate::config::{Config, Int8, Model, Operation};
use crate::deliver::network::{Network, NetworkSettings};
use crate::deliver::resolver::Resolver;
use crate::metrics::Metrics;
use crate::pipeline::{Pipeline, RunError, Setup, TakeoverError};
use crate::route::{BoundModel, EventKind, RouterSettings};
use crate::shutdown::Shutdown;
use crate::store::{chain, reconnect_backoff};

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// `database.url` cannot be used.
    #[error("cannot use database.url")]
    Dsn(#[from] DsnError),
    /// The port for operators cannot be opened.
    #[error("cannot listen on {address} ([ops] listen)")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The slot cannot be taken, and trying again would not help.
    #[error(transparent)]
    Takeover(#[from] TakeoverError),
    /// The pipeline broke, and starting it again would not help.
    #[error(transparent)]
    Run(RunError),
}

/// What an ended pipeline asks for.
enum Advice {
    /// Take the slot again, when it is free.
    Again,
    /// An operator must do something first.
    Stop,
}

/// Runs until told to stop.
///
/// # Errors
///
/// [`DaemonError`], when nothing but an operator can help.
pub async fn run(config: &Config, mut shutdown: Shutdown) -> Result<(), DaemonError> {
    let metrics = Arc::new(Metrics::default());
    let (writable, writable_now) = watch::channel(true);
    let setup = setup(config, &metrics, writable)?;
    let _ops = match config.ops.listen {
        Some(address) => Some(open_ops(config, address, &metrics, writable_now, &shutdown).await?),
        None => None,
    };
    let mut backoff = reconnect_backoff();
    loop {
        let ended = tokio::select! {
            pipeline = Pipeline::take_over(setup.clone()) => match pipeline {
                Ok(pipeline) => {
                    tracing::info!(slot = setup.slot, "streaming");
                    backoff = reconnect_backoff();
                    pipeline.run(shutdown.clone()).await
                }
                Err(error) => Err(error.into()),
            },
            () = shutdown.stopped() => return Ok(()),
        };
        let Err(error) = ended else { return Ok(()) };
        match advice(&error) {
            Advice::Stop => return Err(DaemonError::Run(error)),
            Advice::Again => {
                let delay = backoff.next().unwrap_or(Duration::from_secs(5));
                tracing::warn!(error = %chain(&error), ?delay, "trying again");
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = shutdown.stopped() => return Ok(()),
                }
            }
        }
    }
}

/// The one place that decides whether an ended pipeline is started again.
fn advice(error: &RunError) -> Advice {
    match error {
        // As a standby: the other daemon has the slot, and may leave it.
        RunError::Fenced => Advice::Again,
        RunError::Takeover(error) if error.is_transient() => Advice::Again,
        RunError::Read(_) | RunError::Takeover(_) | RunError::Ledger(_) => Advice::Stop,
    }
}

fn setup(
    config: &Config,
    metrics: &Arc<Metrics>,
    writable: watch::Sender<bool>,
) -> Result<Setup, DaemonError> {
    let network = NetworkSettings {
        allow_http: config.security.allow_http,
        allow_cidrs: config.security.allow_cidrs.clone(),
        response_body_bytes: config.retention.response_body_bytes,
    };
    let models = config.models.iter().filter(|model| model.enabled);
    Ok(Setup {
        dsn: Dsn::parse(config.database.url.expose())?,
        slot: config.database.slot.clone(),
        publication: config.database.publication.clone(),
        models: models.map(|model| (model.table.clone(), unbound(model))).collect(),
        endpoints: config.endpoints.iter().cloned().map(Arc::new).collect(),
        routing: RouterSettings {
            system_identifier: 0,
            int8_as_number: config.payload.int8 == Int8::Number,
            include_source: config.payload.include_source,
            max_event_bytes: config.delivery.max_event_bytes,
        },
        network: Arc::new(Network::new(network, Resolver::system())),
        budget_bytes: config.delivery.memory_budget,
        keep: config.delivery.log_payload,
        shutdown_grace: config.delivery.shutdown_grace,
        on_gap: config.delivery.on_gap,
        retention: (config.retention.succeeded, config.retention.failed),
        metrics: Arc::clone(metrics),
        writable,
    })
}

fn unbound(model: &Model) -> BoundModel {
    let events = model.events.iter().map(|operation| match operation {
        Operation::Created => EventKind::Created,
        Operation::Updated => EventKind::Updated,
        Operation::Deleted => EventKind::Deleted,
        Operation::Truncated => EventKind::Truncated,
    });
    BoundModel {
        oid: 0,
        label: model.label.clone(),
        app: model.app().to_owned(),
        name: model.name().to_owned(),
        events: events.collect(),
        event_prefix: model.event_prefix.clone(),
        user: model.user.clone(),
        known_columns: Vec::new(),
    }
}

async fn open_ops(
    _config: &Config,
    address: std::net::SocketAddr,
    _metrics: &Arc<Metrics>,
    _writable: watch::Receiver<bool>,
    _shutdown: &Shutdown,
) -> Result<TcpListener, DaemonError> {
    TcpListener::bind(address).await.map_err(|source| DaemonError::Listen { address, source })
}
