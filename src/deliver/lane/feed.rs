//! What a lane reads from the queue: parked deliveries in pages, due retries, blocked rows. One
//! read at a time.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Lane, RECONSIDER};
use crate::event::budget::{Large, LargeRoom, footprint};
use crate::event::job::Job;
use crate::lsn::Position;
use crate::store::{BlockedRun, Bound, Expired, Page, QueuedDelivery, StoreError};
use crate::template::Rendering;

/// Rows of one page.
const PAGE_ROWS: i64 = 500;

/// Blocked rows of one key that are read at a time; they are sent one after the other.
const RUN_ROWS: i64 = 50;

/// How soon blocked rows are looked for again that are still on their way into the queue.
const REREAD: Duration = Duration::from_millis(20);

/// How soon a blocked row is looked at again that another key holds back.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a fetch is under way for.
pub(super) type Fetch = BoxFuture<'static, Fetched>;

/// Rows, and the room among the large ones that the only row has taken if it is one.
type Rows = (Vec<QueuedDelivery>, Option<LargeRoom>);

/// What came of it.
pub(super) enum Fetched {
    Page(Result<Rows, StoreError>),
    Due(Result<(Rows, Option<Duration>), StoreError>),
    /// What was cancelled of what is in memory.
    Cancelled(Result<Vec<(Uuid, String)>, StoreError>),
    /// What was held for too long has gone.
    Expired(Result<Vec<Expired>, StoreError>),
    /// Blocked rows of a key, and whether none means that there are none. No rows: its first one
    /// is held by another key.
    Run((u64, bool), Result<Option<Rows>, StoreError>),
}

/// Whether the lane knows what was cancelled of what it has in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Done,
    UnderWay,
    Wanted,
}

/// A bound that grows where a single delivery is larger, once there is room for it.
struct Within {
    bound: Bound,
    large: Large,
    room: Option<LargeRoom>,
}

impl Within {
    async fn widen(&mut self, bytes: usize) {
        // Another first row than before may be larger still. Given back before more is asked for.
        drop(self.room.take());
        self.room = self.large.take(bytes).await;
        self.bound.bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    }
}

/// Waits for a fetch, if one is under way.
pub(super) async fn arrival(fetch: &mut Option<Fetch>) -> Fetched {
    match fetch {
        Some(under_way) => {
            let fetched = under_way.await;
            *fetch = None;
            fetched
        }
        None => std::future::pending().await,
    }
}

impl Lane {
    pub(super) fn start_fetch(&mut self, now: Instant) {
        if let Some(held) = self.expiry.filter(|_| self.may_expire(now)) {
            self.fetch = Some(self.fetch_expired(held));
        }
        if !self.may_fetch(now) {
            return;
        }
        if self.look == Look::Wanted {
            return self.look_for_cancelled();
        }
        if self.held_keys.1.is_some_and(|at| at <= now) {
            let (keys, _) = std::mem::take(&mut self.held_keys);
            keys.into_iter().for_each(|key| self.keys.read_again(key));
        }
        self.unwritten_retries.retain(|job| job.strong_count() > 0);
        if self.next_due.is_some_and(|due| due <= now) && self.wants_due() {
            self.fetch = Some(self.fetch_due(self.due_capacity()));
        } else if self.read_back.is_over() {
            // What is in memory goes first, or is on its way to the ledger.
        } else if let Some(run) = self.keys.next_to_read() {
            self.fetch = Some(self.fetch_run(run));
        } else if !self.replay.is_over() {
            // Something may come that goes before what is in the queue.
        } else if let Some(cursor) = self.mode.wants_page(self.waiting_count(), now) {
            // After the endpoint was out of service, rows before the cursor may be ready again.
            let cursor = cursor.filter(|_| !self.rewind);
            self.fetch = Some(self.fetch_page(cursor));
        }
    }

    pub(super) fn waiting_count(&self) -> usize {
        self.ready.len() + self.keys.waiting_count()
    }

    /// What is held too long goes while nothing is sent; this lane knows what it has in memory.
    fn may_expire(&self, now: Instant) -> bool {
        self.fetch.is_none()
            && self.fetch_again.is_none_or(|at| at <= now)
            && !self.is_in_service()
            && self.stop.is_none()
            && self.around.gate.is_slot_held()
    }

    pub(super) fn may_fetch(&self, now: Instant) -> bool {
        self.fetch.is_none()
            && self.fetch_again.is_none_or(|at| at <= now)
            && self.is_in_service()
            && self.stop.is_none()
            && self.around.gate.is_slot_held()
            && self.fitness.rest(now).is_none()
    }

    /// Retries are what everything else waits for: some are always in memory.
    pub(super) fn wants_due(&self) -> bool {
        self.due.is_empty() || (self.due.len() < self.due_capacity() && !self.read_back.is_over())
    }

    fn due_capacity(&self) -> usize {
        self.endpoint.max_in_flight * 2
    }

    pub(super) fn take_fetched(&mut self, fetched: Fetched) {
        let now = Instant::now();
        let is_page_stale = std::mem::take(&mut self.is_page_stale);
        match fetched {
            Fetched::Page(Ok(_)) if is_page_stale => {}
            Fetched::Page(Ok(page)) => {
                self.rewind = false;
                let jobs = self.queued(page);
                self.brake.read(jobs.len(), self.patience.others_wait());
                self.ready.extend(jobs.iter().cloned());
                let last = jobs.last().map(|job| job.delivery.event.position);
                self.read_until = self.read_until.max(last);
                let arrivals = self.mode.take_page(&jobs);
                self.ready.extend(arrivals);
            }
            Fetched::Due(Ok((page, next))) => {
                let jobs = self.queued(page);
                self.due.extend(jobs);
                // A retry that is not written yet is not in the queue's answer.
                let unwritten = (!self.unwritten_retries.is_empty()).then_some(RECONSIDER);
                let next = [next, unwritten].into_iter().flatten().min();
                self.next_due = next.map(|delay| now + delay.max(Duration::from_millis(1)));
            }
            Fetched::Cancelled(Ok(cancelled)) => self.take_cancelled(cancelled),
            Fetched::Cancelled(Err(error)) => {
                self.look = Look::Wanted;
                self.fetch_failed(&error, now);
            }
            Fetched::Run(run, Ok(Some(rows))) => {
                let jobs = self.queued(rows);
                let first = self.keys.take_run(run, jobs);
                if first.is_none() && !run.1 {
                    self.fetch_again = Some(now + REREAD);
                }
                self.admitted.extend(first);
            }
            Fetched::Expired(Ok(expired)) => self.take_expired(&expired),
            Fetched::Expired(Err(error)) => self.fetch_failed(&error, now),
            Fetched::Run((key, _), Ok(None)) => {
                self.held_keys.0.push(key);
                self.held_keys.1.get_or_insert(now + LOOK_AGAIN);
            }
            Fetched::Run((key, _), Err(error)) => {
                self.keys.read_again(key);
                self.fetch_failed(&error, now);
            }
            Fetched::Page(Err(error)) | Fetched::Due(Err(error)) => self.fetch_failed(&error, now),
        }
    }

    fn take_expired(&mut self, expired: &[Expired]) {
        if expired.is_empty() {
            self.expiry = None;
            return;
        }
        let (endpoint, cancelled) = (&self.endpoint.name, expired.len());
        tracing::info!(endpoint, cancelled, "deliveries that were held too long are cancelled");
        // Of one key only the retry has anything behind it.
        let leads = |gone: &&Expired| gone.is_retry || gone.keys[0] != gone.keys[1];
        for Expired { delivery, keys, is_retry } in expired.iter().filter(leads) {
            self.keys.is_gone(*delivery, *keys, *is_retry);
        }
    }

    fn fetch_failed(&mut self, error: &StoreError, now: Instant) {
        let error = crate::store::chain(error);
        tracing::debug!(endpoint = self.endpoint.name, error, "cannot read the queue");
        self.mode.page_failed(now + RECONSIDER);
        self.next_due = self.next_due.map(|due| due.max(now + RECONSIDER));
        self.fetch_again = Some(now + RECONSIDER);
    }

    fn look_for_cancelled(&mut self) {
        let mut in_memory = self.in_memory();
        in_memory.extend(self.admitted.iter().map(|job| job.delivery.id.0));
        let store = Arc::clone(&self.around.store);
        self.look = Look::UnderWay;
        self.fetch = Some(Box::pin(async move {
            let cancelled = async { store.get().await?.cancelled(&in_memory).await };
            Fetched::Cancelled(cancelled.await)
        }));
    }

    fn take_cancelled(&mut self, cancelled: Vec<(Uuid, String)>) {
        if !cancelled.is_empty() {
            let count = cancelled.len();
            tracing::debug!(endpoint = self.endpoint.name, count, "cancelled in memory");
        }
        for (delivery, reason) in cancelled {
            let admitted = self.admitted.iter().find(|job| job.delivery.id.0 == delivery);
            let parked = || self.from_queue.get(&delivery).and_then(Weak::upgrade);
            if let Some(job) = admitted.cloned().or_else(parked) {
                job.cancel(reason);
            }
        }
        if self.look == Look::UnderWay {
            self.look = Look::Done;
        }
    }

    fn within(&self, rows: i64) -> Within {
        // A page takes at most half of what the lane may read back.
        let bytes = i64::try_from(self.read_back.limit() / 2).unwrap_or(i64::MAX);
        Within { bound: Bound { rows, bytes }, large: self.around.large.clone(), room: None }
    }

    fn fetch_page(&mut self, cursor: Option<Position>) -> Fetch {
        let (store, endpoint) = (Arc::clone(&self.around.store), self.endpoint.id);
        // Beyond everything that was ever read, nothing can be in memory.
        let is_new = cursor >= self.read_until;
        let in_memory = if is_new { Vec::new() } else { self.in_memory() };
        let mut within = self.within(PAGE_ROWS);
        Box::pin(async move {
            let page = async {
                loop {
                    let session = store.get().await?;
                    let page = session.backlog_page(endpoint, cursor, &in_memory, within.bound);
                    match page.await? {
                        Page::Rows(rows) => return Ok((rows, within.room)),
                        Page::TooLarge(bytes) => within.widen(bytes).await,
                    }
                }
            };
            Fetched::Page(page.await)
        })
    }

    fn fetch_expired(&mut self, held: Duration) -> Fetch {
        let (store, endpoint) = (Arc::clone(&self.around.store), self.endpoint.id);
        let in_memory = self.in_memory();
        Box::pin(async move {
            let expired = async {
                let session = store.get().await?;
                session.expire_held(endpoint, held, &in_memory, PAGE_ROWS).await
            };
            Fetched::Expired(expired.await)
        })
    }

    fn fetch_due(&mut self, rows: usize) -> Fetch {
        let (store, endpoint) = (Arc::clone(&self.around.store), self.endpoint.id);
        let mut within = self.within(rows as i64);
        let mut in_memory = self.in_memory();
        Box::pin(async move {
            let due = async {
                loop {
                    let session = store.get().await?;
                    match session.due_page(endpoint, &in_memory, within.bound).await? {
                        Page::Rows(rows) => {
                            in_memory.extend(rows.iter().map(|row| row.delivery.id.0));
                            let next = session.next_due(endpoint, &in_memory).await?;
                            return Ok(((rows, within.room), next));
                        }
                        Page::TooLarge(bytes) => within.widen(bytes).await,
                    }
                }
            };
            Fetched::Due(due.await)
        })
    }

    fn fetch_run(&mut self, run: (u64, bool)) -> Fetch {
        let (store, endpoint) = (Arc::clone(&self.around.store), self.endpoint.id);
        let in_memory = self.in_memory();
        let mut within = self.within(RUN_ROWS);
        Box::pin(async move {
            let rows = async {
                loop {
                    let session = store.get().await?;
                    match session.blocked_run(endpoint, run.0, &in_memory, within.bound).await? {
                        BlockedRun::HeldByOtherKey => return Ok(None),
                        BlockedRun::Page(Page::Rows(rows)) => return Ok(Some((rows, within.room))),
                        BlockedRun::Page(Page::TooLarge(bytes)) => within.widen(bytes).await,
                    }
                }
            };
            Fetched::Run(run, rows.await)
        })
    }

    /// Rows of the queue that are in memory, waiting, under way, or with an outcome that is not
    /// committed: the queue would show them once more.
    fn in_memory(&mut self) -> Vec<Uuid> {
        self.from_queue.retain(|_, job| job.strong_count() > 0);
        self.from_queue.keys().copied().collect()
    }

    fn queued(&mut self, (rows, mut room): Rows) -> Vec<Arc<Job>> {
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            let charge = self.read_back.take(footprint(row.delivery.body.len())).with(room.take());
            // Without a template the payload goes out as it is.
            let template = self.endpoint.transform.as_ref().filter(|_| row.row.awaits_template);
            let rendering = template.map(|template| Arc::new(Rendering::new(template.clone())));
            let job = Arc::new(Job::parked(row.delivery, &row.row, charge).with(rendering));
            if self.from_queue.len() == self.from_queue.capacity() {
                // Before it grows: most of it is gone from memory.
                self.from_queue.retain(|_, job| job.strong_count() > 0);
            }
            self.from_queue.insert(job.delivery.id.0, Arc::downgrade(&job));
            jobs.push(job);
        }
        jobs
    }

    /// Whether a large delivery waits here that others could send meanwhile.
    pub(super) fn hoards(&self) -> bool {
        self.ready.iter().chain(&self.due).any(|job| job.charge.is_large())
    }
}
