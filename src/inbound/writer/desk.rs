//! The one task that writes: it takes whatever has queued, in one transaction, without waiting for
//! more. What comes meanwhile is in the next.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Queue, Unavailable, Waiting};
use crate::config::dsn::Dsn;
use crate::shutdown::Shutdown;
use crate::store::inbound::{InboundRejection, InboundRequest, Repeats, Stored, Written};
use crate::store::{Session, StoreError, reconnect_backoff};

/// Events of one transaction; more make it slower without making an event cheaper.
const MOST_EVENTS: usize = 2000;
/// And their bytes, so that a few large bodies do not hold up the many small ones for long.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A session that is silent for longer is replaced. Longer than anybody waits for an answer: a disk
/// may stall for seconds, and starting over would make that worse.
const COMMIT_PATIENCE: Duration = Duration::from_secs(8);
/// A server that takes longer to let us in is away.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// How long a stop waits for a database that is away; whoever waits for an answer waits no longer.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// Rejections, and repeats of events that somebody held, are written this often.
const UPKEEP: Duration = Duration::from_secs(1);
/// Rejections of one statement.
const MOST_REJECTIONS: usize = 500;
/// Events whose repeats are remembered while they cannot be counted.
const MOST_REPEATS: usize = 10_000;
/// The log need not hear of the same refusal more often.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// The longest pause before PostgreSQL is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Answer = oneshot::Sender<Result<Written, Unavailable>>;

/// Writes what `queue` brings until told to stop, then what is left of it. After a commit that gave
/// handlers something to do it rings `wake`. A database that is away is waited for without end.
pub async fn run(queue: Queue, dsn: Dsn, wake: Arc<Notify>, mut shutdown: Shutdown) {
    let now = Instant::now();
    let mut desk = Desk {
        queue,
        dsn,
        wake,
        session: None,
        backoff: Box::new(reconnect_backoff()),
        not_before: now,
        requests: Vec::new(),
        callers: Vec::new(),
        repeats: Repeats::new(),
        kept_up: now,
        complained: None,
        stop_at: None,
        is_drained: false,
    };
    while desk.turn(&mut shutdown).await {}
    desk.keep_up(true).await;
}

struct Desk {
    queue: Queue,
    dsn: Dsn,
    wake: Arc<Notify>,
    session: Option<Session>,
    backoff: Box<dyn Iterator<Item = Duration> + Send + Sync>,
    /// PostgreSQL is left alone until then.
    not_before: Instant,
    /// The batch, and beside each request who waits for it.
    requests: Vec<InboundRequest>,
    callers: Vec<(Answer, tokio::sync::OwnedSemaphorePermit)>,
    repeats: Repeats,
    kept_up: Instant,
    complained: Option<Instant>,
    /// Set once told to stop: when to give up.
    stop_at: Option<Instant>,
    is_drained: bool,
}

impl Desk {
    /// One step; false when there is nothing left to do.
    async fn turn(&mut self, shutdown: &mut Shutdown) -> bool {
        self.forget_the_gone();
        let is_over = self.stop_at.is_some_and(|at| at <= Instant::now());
        if is_over || (self.is_drained && self.requests.is_empty()) {
            return false;
        }
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.connect(shutdown).await;
            return true;
        }
        if self.requests.is_empty() {
            self.gather(shutdown).await;
        }
        if !self.requests.is_empty() {
            self.write().await;
        }
        self.keep_up(false).await;
        true
    }

    /// Nobody waits for these any more: their provider was told to come again.
    fn forget_the_gone(&mut self) {
        if self.callers.iter().any(|(answer, _)| answer.is_closed()) {
            let batch = self.requests.drain(..).zip(self.callers.drain(..));
            let batch: Vec<_> = batch.filter(|(_, (answer, _))| !answer.is_closed()).collect();
            (self.requests, self.callers) = batch.into_iter().unzip();
        }
    }

    fn begin_to_stop(&mut self) {
        self.stop_at = Some(Instant::now() + STOP_PATIENCE);
        self.queue.waiting.close();
        self.is_drained = self.queue.waiting.is_empty();
    }

    async fn connect(&mut self, shutdown: &mut Shutdown) {
        let dsn = self.dsn.clone();
        let (not_before, stop_at) = (self.not_before, self.stop_at);
        let connect = async move {
            sleep_until(not_before).await;
            timeout(CONNECT_PATIENCE, Session::connect_to_write(&dsn)).await
        };
        let connected = tokio::select! {
            connected = connect => connected,
            () = shutdown.stopped(), if stop_at.is_none() => return self.begin_to_stop(),
            () = until(stop_at) => return,
        };
        let was_away = self.queue.is_away.load(Ordering::Relaxed);
        let error = match connected {
            Ok(Ok(session)) => {
                self.queue.is_away.store(false, Ordering::Relaxed);
                self.session = Some(session);
                if was_away {
                    tracing::info!("inbound events can be stored again");
                }
                return;
            }
            Ok(Err(error)) => error.without_data(),
            Err(_) => "no answer".to_owned(),
        };
        self.queue.is_away.store(true, Ordering::Relaxed);
        if !was_away {
            tracing::warn!(error, "cannot reach PostgreSQL: inbound requests are answered 503");
        }
        self.pause();
    }

    /// Leaves PostgreSQL alone for a while, longer each time.
    fn pause(&mut self) {
        self.not_before = Instant::now() + self.backoff.next().unwrap_or(LONGEST_PAUSE);
    }

    /// Waits for a request, and takes whatever has queued behind it.
    async fn gather(&mut self, shutdown: &mut Shutdown) {
        let (upkeep_at, stop_at) = (self.kept_up + UPKEEP, self.stop_at);
        let first = tokio::select! {
            biased;
            first = self.queue.waiting.recv() => first,
            () = shutdown.stopped(), if stop_at.is_none() => return self.begin_to_stop(),
            () = sleep_until(upkeep_at) => return,
        };
        self.is_drained = first.is_none();
        let (mut events, mut bytes) = (0, 0);
        let mut next = first;
        while let Some(Waiting { request, answer, bytes: size, room }) = next {
            events += request.events.len();
            bytes += size;
            self.requests.push(request);
            self.callers.push((answer, room));
            let is_full = events >= MOST_EVENTS || bytes >= MOST_BYTES;
            next = if is_full { None } else { self.queue.waiting.try_recv().ok() };
        }
    }

    /// Writes the batch, and answers if that came to anything; else it is written again.
    async fn write(&mut self) {
        let Some(session) = &self.session else { return };
        match timeout(COMMIT_PATIENCE, session.store_inbound(&self.requests)).await {
            Ok(Ok(stored)) => self.answer(stored),
            Ok(Err(error)) if error.is_transient() => {
                tracing::warn!(error = error.without_data(), "cannot store inbound events");
                // A primary that has become a standby is met again as what it is.
                self.session = None;
                self.pause();
            }
            Ok(Err(error)) => self.refuse(&error),
            Err(_) => {
                tracing::warn!("PostgreSQL does not answer; trying with another session");
                self.give_up_session().await;
                self.pause();
            }
        }
    }

    fn answer(&mut self, stored: Stored) {
        let Stored { written, is_due, repeats } = stored;
        self.backoff = Box::new(reconnect_backoff());
        self.requests.clear();
        for ((answer, _), written) in self.callers.drain(..).zip(written) {
            // Who asked may have gone away.
            let _ = answer.send(written.ok_or(Unavailable::Refused));
        }
        if is_due {
            self.wake.notify_one();
        }
        for (event, times) in repeats {
            if self.repeats.len() < MOST_REPEATS || self.repeats.contains_key(&event) {
                *self.repeats.entry(event).or_default() += times;
            }
        }
    }

    /// Nothing that waiting would mend: the schema is missing, or a right.
    fn refuse(&mut self, error: &StoreError) {
        let now = Instant::now();
        if self.complained.is_none_or(|at| at + COMPLAINTS <= now) {
            self.complained = Some(now);
            let hint = if error.is_missing_schema() { "walhook init" } else { "see the error" };
            tracing::error!(error = error.without_data(), hint, "inbound events are refused");
        }
        self.requests.clear();
        for (answer, _) in self.callers.drain(..) {
            let _ = answer.send(Err(Unavailable::Refused));
        }
    }

    async fn give_up_session(&mut self) {
        if let Some(session) = self.session.take() {
            // Else it would wait on in the server, and the next ones with it.
            session.cancel().await;
            session.abandon();
        }
    }

    /// Counts repeats, as soon as nobody waits for it; rejections now and then.
    async fn keep_up(&mut self, is_last: bool) {
        let is_due = is_last || self.kept_up + UPKEEP <= Instant::now();
        let has_time = is_due || self.queue.waiting.is_empty();
        if !self.repeats.is_empty() && has_time {
            let before = self.repeats.len();
            let mut repeats = std::mem::take(&mut self.repeats);
            self.upkeep(async |session| session.count_repeats(&mut repeats).await).await;
            if repeats.len() < before {
                // A claim passes over rows that are just being counted.
                self.wake.notify_one();
            }
            self.repeats = repeats;
        }
        if is_due {
            self.kept_up = Instant::now();
            let mut rejections: Vec<InboundRejection> = Vec::new();
            while let Ok(rejection) = self.queue.rejections.try_recv() {
                rejections.push(rejection);
                if rejections.len() == MOST_REJECTIONS {
                    break;
                }
            }
            if !rejections.is_empty() {
                self.upkeep(async |session| session.log_rejections(&rejections).await).await;
            }
        }
    }

    /// Does something that may fail.
    async fn upkeep(&mut self, job: impl AsyncFnOnce(&Session) -> Result<(), StoreError>) {
        let Some(session) = self.session.as_ref().filter(|session| !session.is_closed()) else {
            return;
        };
        match timeout(COMMIT_PATIENCE, job(session)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(error = error.without_data(), "upkeep of inbound events failed");
            }
            Err(_) => self.give_up_session().await,
        }
    }
}

/// Never, without a time.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
