//! The processor at work: for as long as its coordinating session lasts, it claims what is due,
//! hands it to sessions that run handlers, and writes down what they cannot say themselves.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::book::Book;
use super::hand::{self, Bench, Job, Outcome};
use super::{Limits, Processing, ShiftError, retry};
use crate::config::inbound::Source;
use crate::shutdown::{self, Shutdown, Trigger};
use crate::store::{Session, StoreError};

/// A coordinating statement reads a few rows by index.
const STATEMENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long cancelled runs may take to end.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);
/// An event that is due and was not claimed is one that somebody held, or that became due since.
const LOCKED_PAUSE: Duration = Duration::from_millis(100);
/// How often old events lose their content.
const FORGET: Duration = Duration::from_secs(3600);
/// Batches of them at a look; events that are due wait meanwhile.
const FORGET_BATCHES: usize = 10;

/// The processor; it outlives its shifts, and runs under way outlive a shift.
pub(super) struct Processor {
    processing: Processing,
    limits: Limits,
    runs: JoinSet<Run>,
    /// Sessions that wait for a run.
    idle: Vec<Session>,
    book: Book,
    give_up: Trigger,
    shift: u64,
    /// Whether a run of this shift has ended by itself.
    has_worked: bool,
    /// Whether a claim might find something.
    may_be_due: bool,
    looked_at: Instant,
    forgot_at: Option<Instant>,
}

/// A run that has ended.
struct Run {
    job: Job,
    session: Option<Session>,
    outcome: Outcome,
}

impl Processor {
    pub(super) fn new(processing: Processing, limits: Limits) -> Self {
        Self {
            processing,
            limits,
            runs: JoinSet::new(),
            idle: Vec::new(),
            book: Book::default(),
            give_up: shutdown::channel().0,
            shift: 0,
            has_worked: false,
            may_be_due: true,
            looked_at: Instant::now(),
            forgot_at: None,
        }
    }

    /// Whether the last shift came to something.
    pub(super) fn has_worked(&self) -> bool {
        self.has_worked
    }

    /// Works until told to stop, or until the coordinating session fails.
    pub(super) async fn shift(&mut self, shutdown: &mut Shutdown) -> Result<(), ShiftError> {
        self.has_worked = false;
        let connect =
            Session::connect_to_claim(&self.processing.dsn, Arc::clone(&self.processing.wake));
        let session = tokio::select! {
            session = patiently(connect) => session?,
            () = shutdown.stopped() => return Ok(()),
        };
        let worked = self.work(&session, shutdown).await;
        if worked.is_err() {
            session.abandon();
        }
        worked
    }

    async fn work(&mut self, session: &Session, shutdown: &mut Shutdown) -> Result<(), ShiftError> {
        self.shift += 1;
        self.book.turn_page(self.shift);
        let processor = identify(session).await?;
        self.take_sources(session).await?;
        loop {
            self.write(session).await?;
            self.start(session, processor).await?;
            let next = self.next(session).await?;
            let may_be_due = self.may_be_due;
            tokio::select! {
                Some(ended) = self.runs.join_next() => self.end(ended)?,
                () = self.processing.wake.notified(), if !may_be_due => self.may_be_due = true,
                () = sleep_until(next) => self.may_be_due = true,
                Ok(()) = self.processing.sources.changed() => self.take_sources(session).await?,
                () = shutdown.stopped() => return self.wind_down(session).await,
            }
            while let Some(ended) = self.runs.try_join_next() {
                self.end(ended)?;
            }
            if self.looked_at + self.limits.poll <= Instant::now() {
                self.look(session).await?;
            }
        }
    }

    /// Keeps the mappings of the configuration for SQL, and says what is wrong with them.
    async fn take_sources(&mut self, session: &Session) -> Result<(), ShiftError> {
        let sources = Arc::clone(&self.processing.sources.borrow_and_update());
        patiently(session.keep_mappings(sources.iter().map(|source| &**source))).await?;
        for source in sources.iter() {
            let Some(mapping) = &source.into else { continue };
            for fault in patiently(session.mapping_faults(mapping)).await? {
                let (source, key) = (&source.name, fault.key);
                let (problem, fix) = (fault.problem, fault.fix);
                tracing::error!(source, key, problem, fix, "events will fail: `into` does not fit");
            }
        }
        self.may_be_due = true;
        Ok(())
    }

    /// Starts runs for as much as is due and there is room for.
    async fn start(&mut self, session: &Session, processor: i64) -> Result<(), ShiftError> {
        for job in self.book.unlocked(self.room()) {
            self.spawn(job);
        }
        let room = self.room();
        if !self.may_be_due || room == 0 {
            return Ok(());
        }
        let sources: Arc<[Arc<Source>]> = Arc::clone(&self.processing.sources.borrow());
        let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        let claims = patiently(session.claim_inbound(processor, &names, room)).await?;
        self.may_be_due = claims.len() == room;
        for claim in claims {
            let source = sources.iter().find(|source| source.name == claim.source);
            let Some(source) = source.cloned() else { continue };
            let job = Job { claim, source, shift: self.shift };
            let is_allowed = retry::allows(&job.source.retry, job.claim.attempt);
            match job.claim.is_abandoned && !is_allowed {
                true => self.book.exhaust(job),
                false => self.spawn(job),
            }
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.limits.runs.saturating_sub(self.runs.len())
    }

    fn spawn(&mut self, job: Job) {
        let session = self.idle.pop();
        let bench = Bench {
            dsn: self.processing.dsn.clone(),
            limit: self.limits.run,
            give_up: self.give_up.listener(),
        };
        self.runs.spawn(async move {
            let (session, outcome) = hand::run(session, bench, &job).await;
            Run { job, session, outcome }
        });
    }

    fn end(&mut self, ended: Result<Run, tokio::task::JoinError>) -> Result<(), ShiftError> {
        // A run does not panic; if one did, its claim is abandoned with this shift.
        let Run { job, session, outcome } = ended.map_err(|_| ShiftError::Silent)?;
        self.idle.extend(session);
        let unstarted = match outcome {
            Outcome::Unstarted(Some(error)) => {
                self.book.enter(job, Outcome::Unstarted(None), &self.processing);
                return Err(error.into());
            }
            Outcome::Unstarted(None) => true,
            _ => false,
        };
        self.has_worked |= matches!(outcome, Outcome::Ran(_) | Outcome::Raised(_));
        self.book.enter(job, outcome, &self.processing);
        if unstarted { Err(ShiftError::Silent) } else { Ok(()) }
    }

    async fn write(&mut self, session: &Session) -> Result<(), ShiftError> {
        if patiently(self.book.write(session, &self.processing)).await? {
            self.raise_alert(session).await?;
        }
        Ok(())
    }

    async fn raise_alert(&self, session: &Session) -> Result<(), ShiftError> {
        let errors = self.processing.errors;
        if errors.count > 0
            && patiently(session.alert_of_inbound_errors(errors.count, errors.window)).await?
        {
            tracing::warn!(count = errors.count, window = ?errors.window, "many inbound events fail");
        }
        Ok(())
    }

    /// When there may be something to do again, if nobody says so before.
    async fn next(&self, session: &Session) -> Result<Instant, ShiftError> {
        let mut next = self.looked_at + self.limits.poll;
        if !self.may_be_due && self.room() > 0 {
            let sources = Arc::clone(&self.processing.sources.borrow());
            let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
            let due = patiently(session.next_inbound(&names)).await?;
            let soon = due.map(|due| Instant::now() + due.max(LOCKED_PAUSE).min(self.limits.poll));
            next = soon.map_or(next, |soon| next.min(soon));
        }
        Ok(self.book.next(self.room() > 0).map_or(next, |at| next.min(at)))
    }

    /// What has to be looked at from time to time.
    async fn look(&mut self, session: &Session) -> Result<(), ShiftError> {
        self.looked_at = Instant::now();
        self.may_be_due = true;
        // Events that are stored as failed come past us.
        self.raise_alert(session).await?;
        if self.forgot_at.is_none_or(|at| at + FORGET <= self.looked_at) {
            let retention = self.processing.retention;
            for _ in 0..FORGET_BATCHES {
                if !patiently(session.forget_inbound(retention)).await? {
                    self.forgot_at = Some(self.looked_at);
                    break;
                }
            }
            patiently(session.forget_rejections(retention)).await?;
        }
        Ok(())
    }

    /// Lets runs under way end for a while, then ends them; what did not run is given back.
    async fn wind_down(&mut self, session: &Session) -> Result<(), ShiftError> {
        self.end_until(Instant::now() + self.limits.grace).await;
        self.give_up.stop();
        self.end_until(Instant::now() + CANCEL_PATIENCE).await;
        self.book.release_locked();
        self.write(session).await
    }

    /// Waits until all runs have ended, or `deadline`.
    async fn end_until(&mut self, deadline: Instant) {
        loop {
            tokio::select! {
                ended = self.runs.join_next() => match ended {
                    // What a run could not do is of no interest any more.
                    Some(ended) => drop(self.end(ended)),
                    None => return,
                },
                () = sleep_until(deadline) => return,
            }
        }
    }
}

/// Makes `session` that of a processor that nobody was before: claims under another name are
/// those of others, or of the dead.
async fn identify(session: &Session) -> Result<i64, ShiftError> {
    loop {
        // The keys of a new hasher are random.
        let processor = RandomState::new().build_hasher().finish().cast_signed();
        if patiently(session.lock_processor(processor)).await? {
            return Ok(processor);
        }
    }
}

async fn patiently<T>(
    statement: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ShiftError> {
    match timeout(STATEMENT_PATIENCE, statement).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ShiftError::Silent),
    }
}
