//! One run in a session of its own, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::config::dsn::Dsn;
use crate::config::inbound::Source;
use crate::shutdown::Shutdown;
use crate::store::inbound::{Claim, Ran};
use crate::store::{Session, StoreError};

/// A server that takes longer to let us in is away.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How much longer than the server's own limit of a statement its answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);
/// How long a cancelled run may take to end.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);

/// Handlers that wait for each other in a circle, or meet in a serializable transaction, are
/// PostgreSQL's ordinary business: so many runs make one attempt.
const TRIES: u32 = 4;
/// Else the one that gave way would be back before the other has gone on.
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);

/// An event and what is known of its source.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) claim: Claim,
    pub(super) source: Arc<Source>,
    /// Number of the shift that claimed it.
    pub(super) shift: u64,
}

/// What became of a run.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It ended without an error.
    Ran(Ran),
    /// It raised an error; everything is rolled back.
    Raised(StoreError),
    /// The session ended with it. It may have been committed before.
    Lost(&'static str),
    /// There was no session to be had.
    Unstarted(Option<StoreError>),
    /// It was told to end.
    Cancelled,
}

/// Where and how long runs take place.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    pub(super) dsn: Dsn,
    pub(super) limit: Duration,
    /// Runs must end now.
    pub(super) give_up: Shutdown,
}

/// Runs the handlers of `job` in `session` or a new one, which is returned if it is fit for
/// another run.
pub(super) async fn run(
    session: Option<Session>,
    bench: Bench,
    job: &Job,
) -> (Option<Session>, Outcome) {
    let session = match session.filter(|session| !session.is_closed()) {
        Some(session) => session,
        None => match timeout(CONNECT_PATIENCE, connect(&bench)).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => return (None, Outcome::Unstarted(Some(error))),
            Err(_) => return (None, Outcome::Unstarted(None)),
        },
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let (is_fit, outcome) = run_once(&session, bench.clone(), &job.claim).await;
        match &outcome {
            Outcome::Raised(error) if is_fit && error.is_conflict() && tries < TRIES => {
                sleep(CONFLICT_PAUSE * tries).await;
            }
            _ if is_fit => return (Some(session), outcome),
            _ => {
                session.abandon();
                return (None, outcome);
            }
        }
    }
}

async fn connect(bench: &Bench) -> Result<Session, StoreError> {
    Session::connect_to_run(&bench.dsn, bench.limit).await
}

/// Runs handlers; says whether the session is fit for another run.
async fn run_once(session: &Session, mut bench: Bench, claim: &Claim) -> (bool, Outcome) {
    let mut running = std::pin::pin!(session.run_inbound(claim, bench.limit));
    let (ran, reset) = tokio::select! {
        ended = &mut running => ended,
        () = bench.give_up.stopped() => {
            session.cancel().await;
            match timeout(CANCEL_PATIENCE, running).await {
                Ok((Err(error), _)) if error.is_cancelled() => return (false, Outcome::Cancelled),
                Ok(ended) => ended,
                Err(_) => return (false, Outcome::Cancelled),
            }
        }
        () = sleep(bench.limit + ANSWER_PATIENCE) => {
            session.cancel().await;
            return (false, Outcome::Lost("PostgreSQL did not say how its handlers ended"));
        }
    };
    let is_fit = reset.is_ok();
    match ran {
        Ok(ran) => (is_fit, Outcome::Ran(ran)),
        // An error of that kind may also be one that a handler raised: then the session lives.
        Err(error) if !is_fit && error.is_disconnected() => {
            (false, Outcome::Lost("the session ended while its handlers ran"))
        }
        Err(error) => (is_fit, Outcome::Raised(error)),
    }
}
