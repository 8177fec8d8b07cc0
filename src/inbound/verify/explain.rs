//! Why a signature fails: the same request again, under each of the usual mistakes.
//!
//! Only what would match is said, so that there is nothing to read past. It costs hundreds of
//! signatures and is for people who ask, never for what providers send.

use std::sync::Arc;

use jiff::Timestamp;

use super::arrival::Arrival;
use super::changes::{Change, groups};
use super::{Outcome, Verifier};
use crate::config::inbound::{Proof, Source, TimestampFrom};
use crate::inbound::verdict::{Reason, Request, Verdict};

/// More would be guesses.
const MOST_HINTS: usize = 5;

impl Verifier {
    /// For a request that is rejected, what would have to be otherwise for it to be taken.
    pub fn explain(&self, request: &Request, now_ms: i64) -> Vec<String> {
        let Verdict::Rejected(rejection) = self.judge(request, now_ms, None) else {
            return Vec::new();
        };
        match rejection.reason {
            Reason::TimestampTooOld | Reason::TimestampInFuture => {
                let made =
                    now_ms.div_euclid(1_000).saturating_add(rejection.skew_seconds.unwrap_or(0));
                vec![self.fresh_at(made)]
            }
            Reason::BadSignature
            | Reason::BadCredentials
            | Reason::MalformedSignature
            | Reason::MissingField => self.would_match(request, now_ms),
            _ => Vec::new(),
        }
    }

    fn fresh_at(&self, made: i64) -> String {
        let windows = self.timestamps().next();
        let edge = |window: Option<std::time::Duration>, sign: i64| {
            let window = i64::try_from(window?.as_secs()).ok()?;
            let edge = made.saturating_add(window.saturating_mul(sign));
            Timestamp::from_second(edge).ok().map(|edge| edge.to_string())
        };
        let from = edge(windows.and_then(|window| window.future), -1);
        let to = edge(windows.and_then(|window| window.past), 1);
        let when = match (from, to) {
            (Some(from), Some(to)) => format!("from {from} to {to}"),
            (Some(from), None) => format!("from {from} on"),
            (None, Some(to)) => format!("until {to}"),
            (None, None) => "at no time: nobody sends such a timestamp".to_owned(),
        };
        format!("the signature is right, and the request would be fresh {when}")
    }

    fn timestamps(&self) -> impl Iterator<Item = &TimestampFrom> {
        let schemes = match &self.source.proof {
            Proof::Signed(schemes) => schemes.as_slice(),
            Proof::Code(_) => &[],
        };
        schemes.iter().filter_map(|scheme| scheme.timestamp.as_ref())
    }

    /// One change if one is enough, else two.
    fn would_match(&self, request: &Request, now_ms: i64) -> Vec<String> {
        let groups = groups();
        let matches = |changes: &[&Change]| {
            let (mut source, mut request) = (timeless(&self.source), request.clone());
            let changed = changes.iter().all(|change| (change.apply)(&mut source, &mut request));
            changed && is_proven(source, &request, now_ms)
        };
        let singles = groups.iter().flatten().filter(|change| matches(&[change]));
        let hints: Vec<String> = singles
            .take(MOST_HINTS)
            .map(|change| format!("it would match {}", change.text))
            .collect();
        if !hints.is_empty() {
            return hints;
        }
        let pairs = groups.iter().enumerate().flat_map(|(at, group)| {
            let others = groups.iter().skip(at + 1).flatten();
            others.flat_map(move |second| group.iter().map(move |first| (first, second)))
        });
        pairs
            .filter(|(first, second)| matches(&[first, second]))
            .take(MOST_HINTS)
            .map(|(first, second)| format!("it would match {}, and {}", first.text, second.text))
            .collect()
    }
}

/// The source with no limit on a request's age.
fn timeless(source: &Source) -> Source {
    let mut source = source.clone();
    if let Proof::Signed(schemes) = &mut source.proof {
        for timestamp in schemes.iter_mut().filter_map(|scheme| scheme.timestamp.as_mut()) {
            (timestamp.past, timestamp.future) = (None, None);
        }
    }
    source
}

fn is_proven(source: Source, request: &Request, now_ms: i64) -> bool {
    let verifier = Verifier::new(Arc::new(source));
    let arrival = Arrival::new(&verifier.source, request, now_ms);
    matches!(verifier.prove(&arrival, None), Ok(Outcome::Proven(_)))
}
