//! `walhook tail`: follows the log.

use std::time::Duration;

use crate::config::dsn::Dsn;
use crate::endpoint::glob_matches;
use crate::shutdown::Shutdown;
use crate::store::{LoggedAttempt, Session, StoreError, TailCursor, chain, reconnect_backoff};

/// About the time in which a person notices a delay; each look is one read of an index.
const INTERVAL: Duration = Duration::from_millis(250);

/// What of the log to follow.
#[derive(Clone, Debug)]
pub struct Following {
    /// Where the log is.
    pub dsn: Dsn,
    /// The daemon's slot: its checkpoints tell when there is something new.
    pub slot: String,
    /// Only deliveries to this endpoint.
    pub endpoint: Option<String>,
    /// Only events of types that match this glob.
    pub event_type: Option<String>,
}

/// Follows the log from now on and shows each attempt once, until `shutdown` or until `show` says
/// stop. A database that goes away is waited for.
///
/// # Errors
///
/// [`StoreError`] when the first look fails, and later for anything but a lost session.
pub async fn follow(
    following: &Following,
    mut shutdown: Shutdown,
    show: &mut (dyn FnMut(&LoggedAttempt) -> bool + Send),
) -> Result<(), StoreError> {
    let mut session = connect(&following.dsn).await?;
    let mut cursor = session.tail_cursor(&following.slot).await?;
    let mut backoff = reconnect_backoff();
    loop {
        let delay = match turn(following, &session, &mut cursor, show).await {
            Ok(true) => INTERVAL,
            Ok(false) => return Ok(()),
            Err(error) if error.is_disconnected() => {
                tracing::warn!(error = %chain(&error), "the log cannot be read; trying again");
                backoff.next().unwrap_or(INTERVAL)
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = shutdown.stopped() => return Ok(()),
            () = tokio::time::sleep(delay) => {}
        }
        if session.is_closed() {
            match connect(&following.dsn).await {
                Ok(new) => (session, backoff) = (new, reconnect_backoff()),
                Err(error) => tracing::debug!(error = %chain(&error), "not back yet"),
            }
        }
    }
}

async fn connect(dsn: &Dsn) -> Result<Session, StoreError> {
    let session = Session::connect(dsn).await?;
    session.only_look().await?;
    Ok(session)
}

/// One look; false when `show` has seen enough.
async fn turn(
    following: &Following,
    session: &Session,
    cursor: &mut TailCursor,
    show: &mut (dyn FnMut(&LoggedAttempt) -> bool + Send),
) -> Result<bool, StoreError> {
    let now = session.tail_cursor(&following.slot).await?;
    if !now.is_beyond(cursor) {
        return Ok(true);
    }
    let endpoint = following.endpoint.as_deref();
    let attempts = session.logged_between(cursor, &now, endpoint).await?;
    *cursor = now;
    let wanted = |attempt: &&LoggedAttempt| {
        following.event_type.as_ref().is_none_or(|glob| glob_matches(glob, &attempt.event_type))
    };
    Ok(attempts.iter().filter(wanted).all(show))
}
