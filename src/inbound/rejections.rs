//! What was not taken, told: in the program's log and in `inbound_rejection`, in samples, since
//! whoever sends junk decides how much there is of it. Never a body, never a value of a header.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::verdict::{Reason, Rejection, Request};
use crate::config::inbound::{LogRejections, Source};
use crate::sign::hex;
use crate::store::inbound::InboundRejection;

/// Each reason of a source is told once in this time.
const SAMPLE: Duration = Duration::from_secs(60);
/// Names of headers that a row keeps, and bytes of each.
const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;

/// Where rejections are noted.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    told: Mutex<HashMap<(String, Reason), Told>>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

impl Rejections {
    /// Tells of a rejection, if it is its reason's turn; the row that is to be kept of it.
    pub(super) fn note(
        &self,
        source: &Source,
        rejection: &Rejection,
        request: &Request,
        which: LogRejections,
    ) -> Option<InboundRejection> {
        let untold = self.turn(source, rejection.reason, which)?;
        tracing::warn!(
            source = source.name,
            reason = rejection.reason.as_str(),
            detail = rejection.detail,
            skew_seconds = rejection.skew_seconds,
            body_bytes = request.body.len(),
            untold,
            "rejected"
        );
        Some(InboundRejection {
            source: source.name.as_str().into(),
            reason: rejection.reason.as_str(),
            skew_seconds: rejection.skew_seconds,
            header_names: header_names(request),
            body_bytes: request.body.len(),
            body_sha256: hex("", &Sha256::digest(&request.body)),
        })
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
