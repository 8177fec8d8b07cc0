//! Attempts: which delivery is next, when it may begin, and what happens when it is over.

use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::FuturesUnordered;

use super::Lane;
use super::connections::Leave;
use super::feed::Look;
use super::keys::Admission;
use super::verdicts::microseconds_now;
use crate::deliver::connection::Connection;
use crate::event::budget::footprint;
use crate::event::job::{Job, Parking};
use crate::event::{Attempt, ErrorClass};
use crate::store::Health;
use crate::template::RenderError;

/// One attempt that came to an end.
pub(super) struct Finished {
    place: usize,
    job: Arc<Job>,
    began: Instant,
    attempt: Attempt,
    connection: (Option<Connection>, Leave),
    /// Of the settings that the connection was made by.
    settings_version: u64,
}

impl Lane {
    pub(super) fn start_attempts(&mut self, now: Instant) {
        while self.may_start(now) {
            if !self.has_next() {
                return;
            }
            let Some((idle, leave)) = self.connections.take() else { return };
            let Some(job) = self.next_job() else {
                self.connections.put(idle, leave);
                return;
            };
            let place = self.free_places.pop().expect("as many places as requests are allowed");
            self.pace.started(now);
            self.metrics.in_flight.inc();
            self.jobs_under_way[place] = Some(Arc::clone(&job));
            let (client, rendered) = (Arc::clone(&self.client), Arc::clone(&self.rendered));
            let number = job.attempts.saturating_add(1);
            let settings_version = self.settings_version;
            self.under_way.push(Box::pin(async move {
                let began = Instant::now();
                let (attempt, connection) = match job.render(&rendered) {
                    Ok(()) => client.attempt(idle, job.outgoing().delivery, number).await,
                    Err(error) => (not_rendered(&error, began), idle),
                };
                let connection = (connection, leave);
                Finished { place, job, began, attempt, connection, settings_version }
            }));
        }
    }

    /// Whether deliveries may go out, as far as operators are concerned: in SQL, and in the
    /// configuration, where what waits from before `enabled = false` goes on waiting.
    pub(super) fn is_in_service(&self) -> bool {
        self.health == Health::Active && self.endpoint.enabled && !self.endpoint.is_faulty
    }

    pub(super) fn may_start(&self, now: Instant) -> bool {
        self.is_in_service()
            && self.stop.is_none()
            && self.under_way.len() < self.fitness.allowance()
            && (self.under_way.is_empty() || !self.rendered.is_over())
            && self.fitness.rest(now).is_none()
            && self.pace.wait(now).is_none()
            && self.knows_cancelled()
            && self.around.gate.is_open()
    }

    /// Whether it may be known what was cancelled. While something else is being read that cannot be
    /// asked for, and what is read may wait for room that only sending makes.
    fn knows_cancelled(&self) -> bool {
        self.look == Look::Done || (self.look == Look::Wanted && self.fetch.is_some())
    }

    fn has_next(&self) -> bool {
        !(self.admitted.is_empty() && self.ready.is_empty() && self.due.is_empty())
    }

    /// The next to be sent; what was cancelled ends on the way.
    fn next_job(&mut self) -> Option<Arc<Job>> {
        loop {
            let job = self.next_delivery()?;
            if job.cancelled().is_none() {
                return Some(job);
            }
            self.end_cancelled(job);
        }
    }

    /// Retries and first attempts take turns; a probe is the oldest due delivery.
    fn next_delivery(&mut self) -> Option<Arc<Job>> {
        self.retry_turn = !self.retry_turn;
        if self.retry_turn || self.fitness.is_probing() {
            self.due.pop_front().or_else(|| self.next_in_order())
        } else {
            self.next_in_order().or_else(|| self.due.pop_front())
        }
    }

    fn next_in_order(&mut self) -> Option<Arc<Job>> {
        if let Some(job) = self.admitted.pop_front() {
            return Some(job);
        }
        while let Some(job) = self.ready.pop_front() {
            match self.keys.admit(&job) {
                Admission::Start => return Some(job),
                Admission::Wait => {}
                Admission::Block => self.park(job, Parking::Blocked),
                Admission::Hold => {
                    self.ready.push_front(job);
                    return None;
                }
            }
        }
        None
    }

    pub(super) fn finish(&mut self, finished: Finished) {
        let Finished { place, job, began, attempt, connection, settings_version } = finished;
        self.jobs_under_way[place] = None;
        self.free_places.push(place);
        let (connection, leave) = connection;
        let connection = connection.filter(|_| settings_version == self.settings_version);
        self.connections.put(connection, leave);
        self.metrics.in_flight.dec();
        self.metrics.attempt_duration.observe(attempt.duration.as_secs_f64());
        self.drain.add(footprint(job.delivery.body.len()), Instant::now());
        self.judge(job, attempt, began);
    }

    /// Stopping, and the time for it is over: what is still under way is parked.
    pub(super) fn give_up_if_late(&mut self) {
        if self.stop.is_none_or(|deadline| Instant::now() < deadline) {
            return;
        }
        self.under_way = FuturesUnordered::new();
        self.connections.forget_used();
        for job in self.jobs_under_way.iter_mut().filter_map(Option::take).collect::<Vec<_>>() {
            self.park(job, Parking::Ready);
        }
    }
}

/// An attempt that ended before there was anything to send.
fn not_rendered(error: &RenderError, began: Instant) -> Attempt {
    Attempt {
        started_at: microseconds_now(),
        duration: began.elapsed(),
        status: None,
        response_headers: String::new(),
        response_body: String::new(),
        error: Some((ErrorClass::Template, error.to_string())),
        is_resolver_out: false,
        retry_after: None,
        signature: String::new(),
    }
}
