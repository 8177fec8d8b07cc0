//! One endpoint's lane: an actor that sends its deliveries and decides what becomes of each.
//!
//! Fresh deliveries come from the reader and are sent from memory (*direct*). A lane that cannot
//! take them soon parks them in the queue (*spilled*) and reads them back in order; it is direct
//! again once the last parked one has been committed and read (*closing*). Retries always live
//! in the queue. Nothing here writes to PostgreSQL: the ledger is told.

mod attempts;
mod backlog;
mod brake;
mod connections;
mod feed;
mod fitness;
mod keys;
mod patience;
mod rate;
mod verdicts;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::client::Client;
use crate::endpoint::Endpoint;
use crate::event::budget::{Large, Share};
use crate::event::gate::Gate;
use crate::event::job::{Entry, Job, Parking};
use crate::lsn::Position;
use crate::metrics::EndpointMetrics;
use crate::store::{EndpointState, Health, LoadedEndpoint, SharedSession};
use attempts::Finished;
use backlog::{Mode, Replay};
use brake::Brake;
use connections::Connections;
use feed::{Fetch, Look};
use fitness::Fitness;
use keys::Keys;
use patience::Patience;
use rate::{Drain, Pace};

/// How often a full lane reconsiders.
const RECONSIDER: Duration = Duration::from_millis(200);

/// What a lane is told.
pub enum ToLane {
    /// Deliveries fresh from the WAL, in order.
    Deliver(Vec<Arc<Job>>),
    /// The endpoint's state as the database has it.
    State(EndpointState),
    /// What had been held was released into the queue, perhaps before what is in memory.
    Rewind,
    /// The endpoint's settings, for attempts that begin from now on.
    Configure(Arc<Endpoint>, Arc<Client>),
    /// Somebody asked for something in SQL: retries may be due, and deliveries cancelled.
    Look,
    /// Everything that goes before what a former process left in the queue has been delivered to
    /// this lane: told by message, since it must not overtake what it speaks of.
    Replayed,
    /// Cancel what is held for longer than this, while the endpoint is out of service.
    Expire(Duration),
    /// Begin no more attempts, finish those under way until the time given, park the rest.
    Stop(Instant),
}

/// What a lane shares with others.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The ledger.
    pub ledger: mpsc::UnboundedSender<Entry>,
    /// Whether attempts may begin.
    pub gate: Arc<Gate>,
    /// The queue, for reading.
    pub store: Arc<SharedSession>,
    /// Connections that all lanes together may have open, beyond one each.
    pub connections: Arc<Semaphore>,
    /// Room for deliveries from the queue that are larger than a lane's share.
    pub large: Large,
    /// Lanes that could take more: a full one that waits makes them wait.
    pub idle_lanes: Arc<AtomicUsize>,
    /// The slot is about to be lost: a full lane is not to wait.
    pub is_pressing: Arc<AtomicBool>,
    /// Whether the reader has come to everything that goes before what a former process left in
    /// the queue: what lanes begin with. Later they are told.
    pub is_replayed: Arc<AtomicBool>,
}

/// An endpoint's actor.
pub struct Lane {
    endpoint: Arc<Endpoint>,
    client: Arc<Client>,
    /// Raised with each change of settings: connections of former ones are not used again.
    settings_version: u64,
    inbox: mpsc::UnboundedReceiver<ToLane>,
    around: Surroundings,
    /// Memory of what comes fresh from the WAL: the reader waits while it is over.
    share: Arc<Share>,
    /// Memory of what was read from the queue, which is the lane's own to bound.
    read_back: Arc<Share>,
    /// Memory of what templates have made: while it is over, attempts wait for those under way.
    rendered: Arc<Share>,
    metrics: EndpointMetrics,
    health: Health,
    /// Number of this lane's last news of the endpoint.
    fare_version: i64,
    /// Number of the news by which this lane last disabled its endpoint.
    disabled_by: i64,
    fitness: Fitness,
    mode: Mode,
    keys: Keys,
    /// To be sent, in order, once they have their keys.
    ready: VecDeque<Arc<Job>>,
    /// To be sent next: these have their keys.
    admitted: VecDeque<Arc<Job>>,
    /// Retries that are due and in memory.
    due: VecDeque<Arc<Job>>,
    /// What was read from the queue, as long as it is in memory.
    from_queue: HashMap<Uuid, Weak<Job>>,
    /// The last position that a page ever ended at.
    read_until: Option<Position>,
    /// Keys whose first blocked row another key holds, and when to look again.
    held_keys: (Vec<u64>, Option<Instant>),
    /// Retries on their way into the queue.
    unwritten_retries: Vec<Weak<Job>>,
    /// When to ask the queue for due retries.
    next_due: Option<Instant>,
    /// Whether to ask it for what was cancelled.
    look: Look,
    /// The turn is a retry's, if there is one: neither starves the other.
    retry_turn: bool,
    under_way: FuturesUnordered<BoxFuture<'static, Finished>>,
    jobs_under_way: Vec<Option<Arc<Job>>>,
    free_places: Vec<usize>,
    connections: Connections,
    replay: Replay,
    fetch: Option<Fetch>,
    /// If it is a page that is being read, it is of no use any more.
    is_page_stale: bool,
    /// Reading failed; not before this time again.
    fetch_again: Option<Instant>,
    /// What is held for longer than this is to go.
    expiry: Option<Duration>,
    /// Notified when everything parked so far is committed.
    parked_all: Arc<Notify>,
    /// The next page is read from the queue's head.
    rewind: bool,
    drain: Drain,
    patience: Patience,
    brake: Brake,
    pace: Pace,
    stop: Option<Instant>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("endpoint", &self.endpoint.name).finish_non_exhaustive()
    }
}

impl Lane {
    /// A lane for `endpoint`, going on from what the database knows of it.
    pub fn new(
        (endpoint, client): (Arc<Endpoint>, Arc<Client>),
        inbox: mpsc::UnboundedReceiver<ToLane>,
        around: Surroundings,
        (share, read_back, metrics): (Arc<Share>, Arc<Share>, EndpointMetrics),
        loaded: &LoadedEndpoint,
    ) -> Self {
        let places = endpoint.max_in_flight;
        let fitness = Fitness::new(loaded.consecutive_failures, loaded.failing_since, &endpoint);
        let pace = Pace::new(endpoint.rate_limit_per_second);
        let replay = Replay::at_start(around.is_replayed.load(Ordering::Acquire));
        let keys = Keys::new(endpoint.ordering, loaded.stuck_keys.iter().copied());
        // A former lane may have been dropped with requests under way.
        metrics.in_flight.set(0);
        Self {
            endpoint,
            client,
            inbox,
            connections: Connections::new(Arc::clone(&around.connections)),
            patience: Patience::new(Arc::clone(&around.idle_lanes)),
            rendered: Share::new(read_back.limit()),
            read_back,
            settings_version: 0,
            around,
            share,
            metrics,
            health: loaded.health,
            fare_version: loaded.fare_version,
            disabled_by: 0,
            fitness,
            mode: Mode::at_start(loaded.has_backlog),
            keys,
            ready: VecDeque::new(),
            admitted: VecDeque::new(),
            due: VecDeque::new(),
            from_queue: HashMap::new(),
            read_until: None,
            held_keys: (Vec::new(), None),
            unwritten_retries: Vec::new(),
            next_due: loaded.has_retries.then(Instant::now),
            look: Look::Done,
            retry_turn: false,
            under_way: FuturesUnordered::new(),
            jobs_under_way: vec![None; places],
            free_places: (0..places).collect(),
            replay,
            fetch: None,
            is_page_stale: false,
            fetch_again: None,
            expiry: None,
            parked_all: Arc::new(Notify::new()),
            rewind: false,
            drain: Drain::new(),
            brake: Brake::default(),
            pace,
            stop: None,
        }
    }

    /// Works until told to stop and drained, or until the reader is gone.
    pub async fn run(mut self) {
        let parked_all = Arc::clone(&self.parked_all);
        loop {
            let now = Instant::now();
            self.let_go();
            self.brake(now);
            self.reconsider(now);
            self.connections.trim(now);
            self.start_attempts(now);
            self.start_fetch(now);
            if self.stop.is_some() && self.under_way.is_empty() {
                return;
            }
            let wake = self.next_wake(now);
            let gate_closed = !self.around.gate.is_open();
            tokio::select! {
                Some(finished) = self.under_way.next() => self.finish(finished),
                message = self.inbox.recv() => match message {
                    Some(message) => self.hear(message),
                    None => return,
                },
                fetched = feed::arrival(&mut self.fetch) => self.take_fetched(fetched),
                // The mode looks for itself whether it was the last of them.
                () = parked_all.notified() => {}
                () = self.around.gate.opened(), if gate_closed => {}
                () = tokio::time::sleep_until(wake.into()) => self.give_up_if_late(),
            }
        }
    }

    fn hear(&mut self, message: ToLane) {
        match message {
            ToLane::Deliver(jobs) => self.accept(jobs),
            ToLane::State(state) => self.follow(state),
            ToLane::Rewind => {
                self.spill();
                self.rewind = true;
            }
            ToLane::Configure(endpoint, client) => self.configure(endpoint, client),
            ToLane::Look => {
                self.look = Look::Wanted;
                self.next_due = Some(Instant::now());
            }
            ToLane::Replayed => self.replay = Replay::over_once_written(&mut self.mode),
            ToLane::Expire(held) => self.expiry = Some(held),
            ToLane::Stop(deadline) => {
                self.stop = Some(deadline);
                self.spill();
                // Rows of the queue are there already.
                let admitted = std::mem::take(&mut self.admitted);
                for job in admitted.into_iter().filter(|job| job.slot.is_some()) {
                    self.park(job, Parking::Ready);
                }
            }
        }
    }

    /// Follows a change of state that an operator made. What is older than the news by which this
    /// lane disabled its endpoint is not one; other news leave the state alone.
    fn follow(&mut self, state: EndpointState) {
        let health = state.health;
        if state.fare_version < self.disabled_by || health == self.health {
            return;
        }
        tracing::info!(endpoint = self.endpoint.name, ?health, "endpoint changed state");
        if health == Health::Active {
            self.expiry = None;
            self.fitness.enable(&self.endpoint);
            // The count begins anew, also after a restart.
            self.tell_fare(None);
            self.next_due = Some(Instant::now());
        }
        self.health = health;
        self.spill();
        self.rewind = true;
    }

    /// What is under way keeps its course, and what waits keeps its body.
    fn configure(&mut self, endpoint: Arc<Endpoint>, client: Arc<Client>) {
        let was_in_service = self.is_in_service();
        let former = std::mem::replace(&mut self.endpoint, endpoint);
        self.client = client;
        self.settings_version += 1;
        self.connections.forget_idle();
        if former.rate_limit_per_second != self.endpoint.rate_limit_per_second {
            self.pace = Pace::new(self.endpoint.rate_limit_per_second);
        }
        let places = self.jobs_under_way.len();
        if self.endpoint.max_in_flight > places {
            self.free_places.extend(places..self.endpoint.max_in_flight);
            self.jobs_under_way.resize(self.endpoint.max_in_flight, None);
        }
        self.fitness.allow(&former, &self.endpoint);
        if self.is_in_service() != was_in_service {
            self.spill();
            self.rewind = true;
            self.next_due = Some(Instant::now());
        }
    }

    /// Takes deliveries fresh from the WAL, each where the mode wants it.
    fn accept(&mut self, jobs: Vec<Arc<Job>>) {
        let takes = self.health == Health::Active && !self.endpoint.is_faulty;
        if !takes && self.mode.is_direct() {
            self.spill();
        }
        match &mut self.mode {
            Mode::Direct { .. } => self.ready.extend(jobs),
            Mode::Closing { arrivals, .. } => arrivals.extend(jobs),
            Mode::Spilled { .. } => {
                for job in jobs {
                    self.brake.parked();
                    self.park(job, Parking::Ready);
                }
            }
        }
    }

    fn park(&mut self, job: Arc<Job>, parking: Parking) {
        let receipt = self.mode.receipt(&self.parked_all);
        self.tell(Entry::Parked(job, parking, receipt));
    }

    fn tell(&self, entry: Entry) {
        // Without a ledger this process no longer holds the slot and is about to drop its lanes.
        let _ = self.around.ledger.send(entry);
    }

    /// Parks what waits in memory; what comes after it is parked too. What has its keys already
    /// stays: it is next.
    fn spill(&mut self) {
        let (under_way, admitted) = (&self.jobs_under_way, &self.admitted);
        let behind = self.keys.drain(|job| {
            let mut started = under_way.iter().flatten().chain(admitted);
            started.any(|other| other.delivery.id == job.delivery.id)
        });
        behind.blocked.into_iter().for_each(|job| self.park(job, Parking::Blocked));
        behind.waiting.into_iter().rev().for_each(|job| self.ready.push_front(job));
        // A page on its way begins where the cursor was.
        self.is_page_stale = self.fetch.is_some();
        let (waiting, was_direct) = self.mode.spill(&mut self.ready);
        if was_direct {
            tracing::debug!(endpoint = self.endpoint.name, parked = waiting.len(), "lane spills");
        }
        for job in waiting {
            self.park(job, Parking::Ready);
        }
        // What is under way takes as long as the receiver likes; the reader does not.
        for job in self.jobs_under_way.iter().flatten().chain(&self.admitted) {
            job.charge.give_back();
        }
        // Rows that were read and not sent are still in the queue.
        if !self.due.is_empty() {
            self.due.clear();
            self.next_due = Some(Instant::now());
        }
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let idle = now + Duration::from_secs(60);
        let rest = self.fitness.rest(now).map(|rest| now + rest);
        let pace = self.pace.wait(now).map(|wait| now + wait);
        let shares = [&self.share, &self.read_back, &self.rendered];
        let is_full = shares.iter().any(|share| share.is_over());
        let full = is_full.then(|| now + RECONSIDER);
        let fetches = self.may_fetch(now);
        let due = self.next_due.filter(|_| fetches && self.wants_due());
        let page = self.mode.retry_page_at().filter(|at| fetches && *at > now);
        let again = self.fetch_again.filter(|at| *at > now);
        let held = self.held_keys.1.filter(|_| fetches);
        let trim = self.connections.next_trim();
        [rest, pace, full, due, page, again, held, trim, self.stop]
            .into_iter()
            .flatten()
            .fold(idle, Instant::min)
    }
}

/// Makes a lane's inbox.
pub fn inbox() -> (mpsc::UnboundedSender<ToLane>, mpsc::UnboundedReceiver<ToLane>) {
    // Unbounded in number, bounded in bytes: the reader waits while the lane's share is over.
    mpsc::unbounded_channel()
}

/// Asks the ledger to write everything it has been told, and waits for it.
pub async fn flush(ledger: &mpsc::UnboundedSender<Entry>, gate: &Gate) {
    let (sender, written) = oneshot::channel();
    if ledger.send(Entry::Flush(sender)).is_ok() {
        gate.hurry();
        // An error means that the ledger is gone; whoever watches it says why.
        let _ = written.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{EndpointId, Filter, Method, Ordering, Reach, RetryPolicy, TlsFiles};
    use crate::lsn::Lsn;

    /// An endpoint with eight connections that rests 1, 2, 5, 5, … s.
    pub(super) fn endpoint() -> Endpoint {
        Endpoint {
            id: EndpointId(Uuid::nil()),
            name: "crm".to_owned(),
            application: "default".to_owned(),
            reach: Reach::default(),
            is_faulty: false,
            active_from: Lsn(0),
            url: url::Url::parse("https://crm.example.com/").unwrap(),
            method: Method::Post,
            enabled: true,
            secrets: vec![],
            signature: vec![],
            filter: Filter::default(),
            transform: None,
            condition: None,
            headers: vec![],
            auth: None,
            tls: TlsFiles::default(),
            timeout: Duration::from_secs(1),
            retry: RetryPolicy { schedule: vec![], jitter: 0.0, retry_on_status: vec![] },
            ordering: Ordering::Key,
            max_in_flight: 8,
            rate_limit_per_second: 0,
            failure_rest: [1, 2, 5].map(Duration::from_secs).to_vec(),
            alert_after: vec![],
            disable_after: 0,
            disable_min_duration: Duration::ZERO,
        }
    }
}
