//! What a pipeline is made of, what may be watched of it, and why it does not come about.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, watch};
use uuid::Uuid;

use crate::config::dsn::Dsn;
use crate::config::{Config, LogPayload, OnGap};
use crate::deliver::client::ClientError;
use crate::deliver::network::Network;
use crate::lsn::Lsn;
use crate::metrics::Metrics;
use crate::replication::{ReplicationError, System};
use crate::route::{RouterError, RouterSettings};
use crate::store::StoreError;
use crate::store::catalog::CatalogError;

/// The epoch by which this process holds the slot. Locked while it changes: between the database
/// saying a new one and us knowing it, the ledger would think itself fenced.
pub(super) type Epoch = Arc<RwLock<i64>>;

/// Who takes the slot.
#[derive(Debug)]
pub(super) struct Claim {
    /// The same however often it takes it.
    pub(super) holder: Uuid,
    /// 0 before it is taken for the first time.
    pub(super) epoch: Epoch,
}

impl Claim {
    /// Of somebody new.
    pub(super) fn new() -> Result<Self, TakeoverError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| TakeoverError::NoRandomness)?;
        let holder = uuid::Builder::from_random_bytes(random).into_uuid();
        Ok(Self { holder, epoch: Epoch::default() })
    }
}

/// What a pipeline is made of. Checked by `config`; bound to the database here.
#[derive(Clone)]
pub struct Setup {
    /// Source database, where the log is too.
    pub dsn: Dsn,
    /// Replication slot.
    pub slot: String,
    /// Publication.
    pub publication: String,
    /// The file's declarations, which SQL's are added to.
    pub config: Arc<Config>,
    /// How bodies are written; the system identifier is filled in here.
    pub routing: RouterSettings,
    /// How addresses are reached.
    pub network: Arc<Network>,
    /// Memory for deliveries under way, of all lanes together.
    pub budget_bytes: usize,
    /// Which log rows keep the body.
    pub keep: LogPayload,
    /// Whether a function is to be told of final failures.
    pub tells_failures: bool,
    /// How long requests under way may take at a stop.
    pub shutdown_grace: Duration,
    /// What to do when WAL is missing.
    pub on_gap: OnGap,
    /// Retention of the log: successful and failed deliveries.
    pub retention: (Duration, Duration),
    /// How long endpoints out of service hold their events.
    pub held: Duration,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// What readiness is made of.
    pub status: Status,
}

/// What others may watch.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whether replication streams.
    pub streaming: watch::Sender<bool>,
    /// Whether the log takes rows.
    pub writable: watch::Sender<bool>,
    /// Whether WAL is missing and the operator wants to decide.
    pub stopped_at_gap: watch::Sender<bool>,
    /// System identifier and timeline of the server on which this process last had the slot.
    pub held_on: watch::Sender<Option<(u64, u32)>>,
}

impl Default for Status {
    fn default() -> Self {
        let signal = |value| watch::Sender::new(value);
        Self {
            streaming: signal(false),
            writable: signal(true),
            stopped_at_gap: signal(false),
            held_on: watch::Sender::new(None),
        }
    }
}

/// Server and slot as a holder left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) system_identifier: u64,
    pub(super) timeline: u32,
    /// What was settled, and may have been reported.
    pub(super) confirmed: Lsn,
}

impl Left {
    /// Whether the same process may go on: otherwise the checkpoint has to be looked at first.
    pub(super) fn is_still(&self, system: &System, slot: Option<Lsn>) -> bool {
        self.system_identifier == system.system_identifier
            && self.timeline == system.timeline
            && self.confirmed <= system.wal_position
            && slot.is_some_and(|slot| slot <= self.confirmed)
    }
}

/// Why the slot could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// The replication session failed.
    #[error("cannot start replication")]
    Replication(#[from] ReplicationError),
    /// The database failed.
    #[error("cannot read walhook's own tables")]
    Store(#[from] StoreError),
    /// The catalog could not be asked.
    #[error("cannot ask the catalog")]
    Catalog(#[from] CatalogError),
    /// The operating system has no random numbers to tell this run from others by.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// `walhook init` was never run for this slot.
    #[error("there is no checkpoint for slot {slot}: run `walhook init`")]
    NotInstalled {
        /// The slot.
        slot: String,
    },
    /// Another version of walhook was installed last.
    #[error(
        "walhook's schema is of version {installed}, and this walhook needs {needed}: run `walhook init`"
    )]
    OutdatedSchema {
        /// The version that is there.
        installed: i32,
        /// The version that statements are written for.
        needed: i32,
    },
    /// The database is a copy of another one.
    #[error(
        "this database cluster ({now}) is not the one that the checkpoint was made on ({then}): \
         a copy must not send the original's webhooks; run `walhook init` to make it its own"
    )]
    OtherCluster {
        /// System identifier of the checkpoint.
        then: u64,
        /// System identifier now.
        now: u64,
    },
    /// While replication was broken the slot moved on without us, or the server became another.
    #[error("the slot or the server is not what it was before replication broke")]
    Moved,
    /// WAL is missing and `on_gap` says stop.
    #[error("WAL is missing ({0}) and [delivery] on_gap is \"stop\": run `walhook init` to go on")]
    Gap(String),
    /// An endpoint's certificates cannot be used.
    #[error("cannot use the settings of endpoint {endpoint}")]
    Client {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        #[source]
        source: ClientError,
    },
    /// Models cannot be routed.
    #[error("cannot route the models")]
    Router(#[from] RouterError),
}

impl TakeoverError {
    /// Whether trying again may help without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Replication(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::Catalog(_) => true,
            _ => false,
        }
    }
}
