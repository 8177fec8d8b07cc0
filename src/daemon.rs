//! `walhook run`: one pipeline after the other, the port for operators, reloads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::admin::ops::{self, Ops, Readiness};
use crate::config::inbound::Inbound;
use crate::config::{Config, Int8};
use crate::deliver::fetch::fetch;
use crate::deliver::network::{Network, NetworkSettings};
use crate::deliver::resolver::Resolver;
use crate::deliver::{alerts, callbacks};
use crate::inbound;
use crate::metrics::Metrics;
use crate::pipeline::{Pipeline, RunError, Setup, Status, TakeoverError};
use crate::route::RouterSettings;
use crate::shutdown::{self, Shutdown};
use crate::store::{chain, reconnect_backoff};

/// The longest pause before the slot is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A port cannot be opened.
    #[error("cannot listen on {address} ({key})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Where it is configured.
        key: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The pipeline broke, and starting it again would not help.
    #[error(transparent)]
    Pipeline(#[from] RunError),
}

/// What an ended pipeline asks for.
enum Advice {
    /// Take the slot again, when it is free.
    Again,
    /// An operator must do something first.
    Stop,
}

/// Runs until told to stop. A configuration from `reloads` takes the place of the former one as
/// soon as requests under way have ended; addresses to listen on stay.
///
/// # Errors
///
/// [`DaemonError`], when nothing but an operator can help.
pub async fn run(
    config: Config,
    reloads: mpsc::Receiver<Config>,
    shutdown: Shutdown,
) -> Result<(), DaemonError> {
    let (stop, until_stopped) = shutdown::channel();
    let house = House::new(&config, stop);
    let mut listeners = JoinSet::new();
    if let Some(address) = config.ops.listen {
        let listener = bind(address, "[ops] listen").await?;
        listeners.spawn(ops::serve(listener, house.ops(&config), until_stopped.clone()));
    }
    if let Some(address) = config.inbound.listen {
        let listener = bind(address, "[inbound] listen").await?;
        // Port 0 lets the system choose one.
        let address = listener.local_addr().unwrap_or(address);
        tracing::info!(%address, sources = config.inbound.sources.len(), "receiving webhooks");
        let receiving = house.receiving(&config);
        listeners.spawn(inbound::run(listener, receiving, until_stopped));
    }
    listeners.spawn(callbacks::run(house.callbacks.subscribe(), house.listeners.listener()));
    listeners.spawn(alerts::run(house.alerts.subscribe(), house.listeners.listener()));
    let ended = send(&house, config, reloads, shutdown).await;
    house.listeners.stop();
    while listeners.join_next().await.is_some() {}
    ended
}

/// The outbound side: a pipeline for each configuration. The listeners are told to stop when we
/// are, so that both sides end at the same time.
async fn send(
    house: &House,
    config: Config,
    mut reloads: mpsc::Receiver<Config>,
    mut shutdown: Shutdown,
) -> Result<(), DaemonError> {
    let mut setup = house.setup(&Arc::new(config));
    loop {
        let (stop, until_stopped) = shutdown::channel();
        let mut pipelines = std::pin::pin!(keep_running(setup, until_stopped));
        tokio::select! {
            ended = &mut pipelines => return ended,
            () = shutdown.stopped() => {
                stop.stop();
                house.listeners.stop();
                return pipelines.await;
            }
            Some(config) = reloads.recv() => {
                house.inbound.send_replace(Arc::new(config.inbound.clone()));
                house.alerts.send_replace(Arc::new(alerts_of(&config)));
                house.callbacks.send_replace(Arc::new(callbacks_of(&config)));
                stop.stop();
                pipelines.await?;
                setup = house.setup(&Arc::new(config));
            }
        }
    }
}

async fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, DaemonError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| DaemonError::Listen { address, key, source })
}

/// One pipeline after the other, until told to stop.
async fn keep_running(setup: Setup, mut shutdown: Shutdown) -> Result<(), DaemonError> {
    let mut backoff = reconnect_backoff();
    loop {
        let ended = tokio::select! {
            pipeline = Box::pin(Pipeline::take_over(setup.clone())) => match pipeline {
                Ok(pipeline) => {
                    tracing::info!(slot = setup.slot, "streaming");
                    backoff = reconnect_backoff();
                    Box::pin(pipeline.run(shutdown.clone())).await
                }
                Err(error) => Err(error.into()),
            },
            () = shutdown.stopped() => return Ok(()),
        };
        let Err(error) = ended else { return Ok(()) };
        match advice(&error) {
            Advice::Stop => return Err(error.into()),
            Advice::Again => {
                let delay = backoff.next().unwrap_or(LONGEST_PAUSE);
                tracing::warn!(error = %chain(&error), ?delay, "not streaming; trying again");
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
        RunError::Reconfigured => Advice::Again,
        // From the checkpoint, which says what is missing or whose database it is.
        RunError::Takeover(TakeoverError::Moved) => Advice::Again,
        // Not ready, but there to be asked; `walhook init` ends the wait.
        RunError::Takeover(TakeoverError::Gap(_)) => Advice::Again,
        RunError::Takeover(error) if error.is_transient() => Advice::Again,
        RunError::Read(error) if error.is_transient() => Advice::Again,
        RunError::Read(_) | RunError::Takeover(_) | RunError::Ledger(_) => Advice::Stop,
    }
}

/// What lasts from one configuration to the next.
struct House {
    metrics: Arc<Metrics>,
    status: Status,
    inbound: watch::Sender<Arc<Inbound>>,
    alerts: watch::Sender<Arc<alerts::Setup>>,
    callbacks: watch::Sender<Arc<callbacks::Setup>>,
    listeners: shutdown::Trigger,
}

impl House {
    fn new(config: &Config, listeners: shutdown::Trigger) -> Self {
        let inbound = watch::Sender::new(Arc::new(config.inbound.clone()));
        let alerts = watch::Sender::new(Arc::new(alerts_of(config)));
        let callbacks = watch::Sender::new(Arc::new(callbacks_of(config)));
        let (metrics, status) = (Arc::default(), Status::default());
        Self { metrics, status, inbound, alerts, callbacks, listeners }
    }

    fn ops(&self, config: &Config) -> Ops {
        let Self { metrics, status, .. } = self;
        let readiness = Readiness {
            streaming: status.streaming.subscribe(),
            writable: status.writable.subscribe(),
            stopped_at_gap: status.stopped_at_gap.subscribe(),
        };
        Ops { metrics: Arc::clone(metrics), readiness, token: config.ops.token.clone() }
    }

    fn receiving(&self, config: &Config) -> inbound::Setup {
        let network = Arc::new(network_of(config));
        inbound::Setup {
            dsn: config.database.dsn.clone(),
            settings: self.inbound.subscribe(),
            fetch: Arc::new(move |url| Box::pin(fetch_from(Arc::clone(&network), url))),
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn setup(&self, config: &Arc<Config>) -> Setup {
        let Self { metrics, status, .. } = self;
        Setup {
            dsn: config.database.dsn.clone(),
            slot: config.database.slot.clone(),
            publication: config.database.publication.clone(),
            config: Arc::clone(config),
            routing: RouterSettings {
                system_identifier: 0,
                int8_as_number: config.payload.int8 == Int8::Number,
                include_source: config.payload.include_source,
                max_event_bytes: config.delivery.max_event_bytes,
                tables: config.database.tables.clone(),
            },
            network: Arc::new(network_of(config)),
            budget_bytes: config.delivery.memory_budget,
            keep: config.delivery.log_payload,
            tells_failures: config.delivery.failure_callback.is_some(),
            shutdown_grace: config.delivery.shutdown_grace,
            on_gap: config.delivery.on_gap,
            retention: (config.retention.succeeded, config.retention.failed),
            held: config.retention.held,
            metrics: Arc::clone(metrics),
            status: status.clone(),
        }
    }
}

fn alerts_of(config: &Config) -> alerts::Setup {
    let (dsn, url) = (config.database.dsn.clone(), config.alerts.url.clone());
    alerts::Setup { dsn, url, network: Arc::new(network_of(config)) }
}

fn callbacks_of(config: &Config) -> callbacks::Setup {
    callbacks::Setup {
        dsn: config.database.dsn.clone(),
        on_failure: config.delivery.failure_callback.clone(),
        on_alert: config.alerts.callback.clone(),
    }
}

fn network_of(config: &Config) -> Network {
    let settings = NetworkSettings {
        allow_http: config.security.allow_http,
        allow_cidrs: config.security.allow_cidrs.clone(),
        response_body_bytes: config.retention.response_body_bytes,
    };
    Network::new(settings, Resolver::system())
}

/// The inbound side's way out, under the guard of deliveries.
async fn fetch_from(network: Arc<Network>, url: String) -> Result<Bytes, String> {
    let url = url.parse().map_err(|_| "it is no URL".to_owned())?;
    fetch(&network, &url).await.map_err(|error| chain(&error))
}
