//! What is said of runs: to the table, the log and the counters.

use std::time::Duration;

use tokio::time::Instant;

use super::hand::{Job, Outcome};
use super::{Processing, retry};
use crate::store::inbound::{Claim, Failure, Ran, Settled};
use crate::store::{Session, StoreError};

/// Longer messages are cut: they are for people.
const MOST_MESSAGE_BYTES: usize = 8192;

/// When somebody holds an event's row, it is tried again so much later.
const LOCKED_PAUSE: Duration = Duration::from_millis(250);

/// What is still to be written down, or to be tried again soon.
#[derive(Debug, Default)]
pub(super) struct Book {
    failed: Vec<Failed>,
    released: Vec<Claim>,
    locked: Vec<(Instant, Job)>,
}

#[derive(Debug)]
struct Failed {
    failure: Failure,
    /// What the log may say of it.
    reason: String,
    /// The session ended with it: if the server did too, nobody is to blame.
    is_lost: bool,
    shift: u64,
    not_before: Instant,
}

impl Book {
    /// Takes down what became of `job`.
    pub(super) fn enter(&mut self, job: Job, outcome: Outcome, processing: &Processing) {
        match outcome {
            Outcome::Ran(Ran::Processed) => processed(&job.claim, processing),
            Outcome::Ran(Ran::Ignored) => {
                let Claim { source, event_id, event_type, .. } = &job.claim;
                tracing::info!(source, event_id, event_type, "nobody handles this event any more");
                processing.metrics.inbound_event(source, event_type.as_deref(), "ignored");
            }
            Outcome::Ran(Ran::Locked) => self.locked.push((Instant::now() + LOCKED_PAUSE, job)),
            Outcome::Ran(Ran::Settled) => {}
            Outcome::Raised(error) => {
                let message = error.server_message().map_or_else(|| error.to_string(), cut);
                self.fail(job, message, error.without_data(), false);
            }
            Outcome::Lost(reason) => self.fail(job, reason.to_owned(), reason.to_owned(), true),
            Outcome::Unstarted(_) | Outcome::Cancelled => self.released.push(job.claim),
        }
    }

    /// An event whose runs were never heard of again, and that has had all of them.
    pub(super) fn exhaust(&mut self, job: Job) {
        let message = "each of its runs ended with the session or the daemon, and none is left";
        self.fail(job, message.to_owned(), message.to_owned(), false);
    }

    fn fail(&mut self, job: Job, message: String, reason: String, is_lost: bool) {
        let Job { claim, source, shift } = job;
        let delay = retry::delay(&source.retry, claim.id, claim.attempt);
        let failure = Failure { claim, message, delay };
        self.failed.push(Failed { failure, reason, is_lost, shift, not_before: Instant::now() });
    }

    /// A new shift begins. Sessions that ended in an earlier one probably did so with the server;
    /// their claims are as good as abandoned, and taken over.
    pub(super) fn turn_page(&mut self, shift: u64) {
        self.failed.retain(|failed| !failed.is_lost || failed.shift == shift);
    }

    /// At most `most` events that somebody held and perhaps no longer does.
    pub(super) fn unlocked(&mut self, most: usize) -> Vec<Job> {
        let now = Instant::now();
        let mut ready = Vec::new();
        let (mut at, mut left) = (0, most);
        while at < self.locked.len() {
            if left > 0 && self.locked[at].0 <= now {
                ready.push(self.locked.swap_remove(at).1);
                left -= 1;
            } else {
                at += 1;
            }
        }
        ready
    }

    /// When there is something to do again; events that somebody held only matter if there is
    /// room for a run.
    pub(super) fn next(&self, has_room: bool) -> Option<Instant> {
        let failed = self.failed.iter().map(|failed| failed.not_before);
        let locked = self.locked.iter().map(|(at, _)| *at).filter(|_| has_room);
        failed.chain(locked).min()
    }

    /// Events that somebody holds are not ours to run any more.
    pub(super) fn release_locked(&mut self) {
        self.released.extend(self.locked.drain(..).map(|(_, job)| job.claim));
    }

    /// Writes down what can be; says whether events have failed.
    pub(super) async fn write(
        &mut self,
        session: &Session,
        processing: &Processing,
    ) -> Result<bool, StoreError> {
        if !self.released.is_empty() {
            session.release_inbound(&self.released).await?;
            self.released.clear();
        }
        let now = Instant::now();
        let (due, later): (Vec<Failed>, Vec<Failed>) =
            self.failed.drain(..).partition(|failed| failed.not_before <= now);
        self.failed = later;
        if due.is_empty() {
            return Ok(false);
        }
        let failures: Vec<Failure> = due.iter().map(|failed| failed.failure.clone()).collect();
        let settled = match session.fail_inbound(&failures).await {
            Ok(settled) => settled,
            Err(error) => {
                self.failed.extend(due);
                return Err(error);
            }
        };
        let mut has_failed = false;
        for (mut failed, settled) in due.into_iter().zip(settled) {
            match settled {
                Settled::Failed => {
                    has_failed = true;
                    report(&failed, processing);
                }
                Settled::Processed => processed(&failed.failure.claim, processing),
                Settled::Locked => {
                    failed.not_before = now + LOCKED_PAUSE;
                    self.failed.push(failed);
                }
                Settled::Elsewhere => {}
            }
        }
        Ok(has_failed)
    }
}

fn processed(claim: &Claim, processing: &Processing) {
    let Claim { source, event_id, event_type, attempt, .. } = claim;
    tracing::info!(source, event_id, event_type, attempt, "processed");
    processing.metrics.inbound_event(source, event_type.as_deref(), "processed");
}

fn report(failed: &Failed, processing: &Processing) {
    let Failed { failure, reason, .. } = failed;
    let Failure { claim, delay, .. } = failure;
    let Claim { source, event_id, event_type, attempt, .. } = claim;
    tracing::error!(source, event_id, event_type, attempt, reason, retry_in = ?delay, "a handler failed");
    processing.metrics.inbound_event(source, event_type.as_deref(), "failed");
}

fn cut(message: &str) -> String {
    let end = (0..=MOST_MESSAGE_BYTES.min(message.len())).rev();
    let end = end.into_iter().find(|end| message.is_char_boundary(*end));
    message[..end.unwrap_or_default()].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(cut("boom"), "boom");
        let long = "ä".repeat(MOST_MESSAGE_BYTES);
        assert_eq!(cut(&format!("x{long}")).len(), MOST_MESSAGE_BYTES - 1);
    }
}
