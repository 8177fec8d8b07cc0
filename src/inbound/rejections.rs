//! What was not taken, told: in the program's log and in `inbound_rejection`, in samples, since
//! whoever sends junk decides how much there is of it. Never a body, never a value of a header.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::verdict::{Reason, Rejection, Request};
use crate::config::dsn::Dsn;
use crate::config::inbound::{LogRejections, Source};
use crate::shutdown::Shutdown;
use crate::sign::hex;
use crate::store::inbound::InboundRejection;
use crate::store::{Session, chain, reconnect_backoff};

/// Each reason of a source is told once in this time.
const SAMPLE: Duration = Duration::from_secs(60);
/// Rows that wait for the database; while it is away, the newest are lost.
const MOST_WAITING: usize = 1000;
/// One statement's worth of rows.
const MOST_AT_ONCE: usize = 100;
/// Names of headers that a row keeps, and bytes of each.
const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;

/// Where rejections are noted.
#[derive(Debug)]
pub(super) struct Rejections {
    told: Mutex<HashMap<(String, Reason), Told>>,
    rows: mpsc::Sender<InboundRejection>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

/// The place to note rejections, and the rows that come of it.
pub(super) fn channel() -> (Rejections, mpsc::Receiver<InboundRejection>) {
    let (rows, waiting) = mpsc::channel(MOST_WAITING);
    (Rejections { told: Mutex::default(), rows }, waiting)
}

impl Rejections {
    /// Tells of a rejection, if it is its reason's turn.
    pub(super) fn note(
        &self,
        source: &Source,
        rejection: &Rejection,
        request: &Request,
        which: LogRejections,
    ) {
        let Some(untold) = self.turn(source, rejection.reason, which) else { return };
        tracing::warn!(
            source = source.name,
            reason = rejection.reason.as_str(),
            detail = rejection.detail,
            skew_seconds = rejection.skew_seconds,
            body_bytes = request.body.len(),
            untold,
            "rejected"
        );
        let row = InboundRejection {
            source: source.name.clone(),
            reason: rejection.reason.as_str(),
            skew_seconds: rejection.skew_seconds,
            header_names: header_names(request),
            body_bytes: i64::try_from(request.body.len()).unwrap_or(i64::MAX),
            body_sha256: hex("", &Sha256::digest(&request.body)),
        };
        // Full: the database is away, and genuine requests have its attention.
        let _ = self.rows.try_send(row);
    }

    /// How many of its kind were not told since the last one, if this one is told.
    fn turn(&self, source: &Source, reason: Reason, which: LogRejections) -> Option<u64> {
        if which == LogRejections::All {
            return Some(0);
        }
        let mut told = self.told.lock().ok()?;
        let now = Instant::now();
        let Some(last) = told.get_mut(&(source.name.clone(), reason)) else {
            told.insert((source.name.clone(), reason), Told { at: now, untold: 0 });
            return Some(0);
        };
        if now.duration_since(last.at) < SAMPLE {
            last.untold += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.untold))
    }
}

fn header_names(request: &Request) -> Vec<String> {
    let name = |name: &http::HeaderName| {
        let name = name.as_str();
        name[..name.len().min(LONGEST_NAME)].to_owned()
    };
    request.headers.keys().take(MOST_NAMES).map(name).collect()
}

/// Writes the rows until `shutdown`, and what waits then.
pub(super) async fn record(
    mut waiting: mpsc::Receiver<InboundRejection>,
    dsn: Dsn,
    mut shutdown: Shutdown,
) {
    let mut session = None;
    let mut rows = Vec::new();
    loop {
        tokio::select! {
            received = waiting.recv_many(&mut rows, MOST_AT_ONCE) => {
                if received == 0 {
                    return;
                }
            }
            () = shutdown.stopped() => return,
        }
        tokio::select! {
            () = write(&mut session, &dsn, &rows) => rows.clear(),
            () = shutdown.stopped() => return,
        }
    }
}

/// Writes `rows` as soon as that is possible.
async fn write(session: &mut Option<Session>, dsn: &Dsn, rows: &[InboundRejection]) {
    let mut backoff = reconnect_backoff();
    loop {
        let written = match session.take().filter(|session| !session.is_closed()) {
            Some(open) => {
                let written = open.record_rejections(rows).await;
                *session = Some(open);
                written
            }
            None => match Session::connect(dsn).await {
                Ok(open) => {
                    *session = Some(open);
                    continue;
                }
                Err(error) => Err(error),
            },
        };
        match written {
            Ok(()) => return,
            Err(error) if error.is_transient() => {
                tracing::debug!(error = %chain(&error), "rejections wait for the database");
                tokio::time::sleep(backoff.next().unwrap_or(SAMPLE)).await;
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), rows = rows.len(), "rejections not written");
                return;
            }
        }
    }
}
