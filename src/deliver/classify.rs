//! What an attempt means: for its delivery (again, or not) and for its endpoint (rest, or not).
//! Pure; the one place that decides.

use std::time::Duration;

use super::retry;
use crate::endpoint::RetryPolicy;
use crate::event::{Attempt, ErrorClass};

/// What becomes of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A 2xx.
    Delivered,
    /// Try again after `delay`, on PostgreSQL's clock.
    Retry {
        /// From now.
        delay: Duration,
    },
    /// The receiver asked for less, or nobody can tell its address now: try again without using up
    /// a retry.
    Throttled {
        /// How long the endpoint rests; `None` for as long as after a failure.
        rest: Option<Duration>,
    },
    /// 410: disable the endpoint and hold this delivery and all later ones.
    Gone,
    /// No attempt is left, or the status is not one to retry.
    Failed,
}

/// Judges an attempt. `attempts_used` counts those that use up retries, this one included;
/// `seed` decides the jitter ([`retry::seed`]).
///
/// A throttled delivery is tried again whatever `retry_on_status` says: the receiver did not
/// refuse the event, it named another time for it.
pub fn verdict(attempt: &Attempt, policy: &RetryPolicy, attempts_used: u32, seed: u64) -> Verdict {
    let Some((class, _)) = &attempt.error else { return Verdict::Delivered };
    match (class, attempt.status) {
        _ if attempt.is_resolver_out => Verdict::Throttled { rest: None },
        (ErrorClass::HttpStatus, Some(410)) => Verdict::Gone,
        (ErrorClass::HttpStatus, Some(429)) => Verdict::Throttled { rest: attempt.retry_after },
        (ErrorClass::HttpStatus, Some(503)) if attempt.retry_after.is_some() => {
            Verdict::Throttled { rest: attempt.retry_after }
        }
        (ErrorClass::HttpStatus, Some(status)) if !retried(policy, status) => Verdict::Failed,
        _ => {
            let retry_index = attempts_used.saturating_sub(1) as usize;
            retry::delay(policy, retry_index, seed)
                .map_or(Verdict::Failed, |delay| Verdict::Retry { delay })
        }
    }
}

fn retried(policy: &RetryPolicy, status: u16) -> bool {
    policy.retry_on_status.is_empty() || policy.retry_on_status.contains(&status)
}

/// Whom an attempt speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody: a success, which resets the endpoint's count.
    Nobody,
    /// The endpoint, from the first one on: it did not answer, or not for itself.
    Endpoint,
    /// Perhaps only this event: the endpoint rests from the third in a row on.
    Event,
    /// Nobody, but a rest is wanted, by the endpoint or since names do not resolve; not counted.
    Throttle,
}

/// Says how an attempt counts towards rest and consecutive failures.
pub fn blame(attempt: &Attempt) -> Blame {
    match (&attempt.error, attempt.status) {
        (None, _) => Blame::Nobody,
        _ if attempt.is_resolver_out => Blame::Throttle,
        (Some((ErrorClass::HttpStatus, _)), Some(429)) => Blame::Throttle,
        (Some((ErrorClass::HttpStatus, _)), Some(408 | 425)) => Blame::Endpoint,
        (Some((ErrorClass::HttpStatus, _)), Some(400..=499)) => Blame::Event,
        (Some((ErrorClass::Template | ErrorClass::Condition, _)), _) => Blame::Event,
        _ => Blame::Endpoint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(300)];

    fn policy(retry_on_status: &[u16]) -> RetryPolicy {
        let retry_on_status = retry_on_status.to_vec();
        RetryPolicy { schedule: SCHEDULE.to_vec(), jitter: 0.0, retry_on_status }
    }

    fn failed(class: ErrorClass, status: Option<u16>) -> Attempt {
        Attempt {
            started_at: 0,
            duration: Duration::ZERO,
            status,
            response_headers: String::new(),
            response_body: String::new(),
            error: Some((class, String::new())),
            is_resolver_out: false,
            retry_after: None,
            signature: String::new(),
        }
    }

    fn answered(status: u16) -> Attempt {
        match status {
            200..=299 => Attempt { error: None, ..failed(ErrorClass::HttpStatus, Some(status)) },
            _ => failed(ErrorClass::HttpStatus, Some(status)),
        }
    }

    fn retry_after(status: u16, seconds: u64) -> Attempt {
        Attempt { retry_after: Some(Duration::from_secs(seconds)), ..answered(status) }
    }

    const FIRST: Verdict = Verdict::Retry { delay: SCHEDULE[0] };

    #[test]
    fn every_2xx_is_delivered() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict(&answered(status), &policy(&[]), 1, 0), Verdict::Delivered);
            assert_eq!(blame(&answered(status)), Blame::Nobody);
        }
    }

    #[test]
    fn every_other_status_is_retried_by_the_schedule() {
        for status in [
            301, 302, 304, 307, 308, 400, 401, 403, 404, 408, 409, 418, 422, 425, 500, 501, 502,
            503, 504, 599,
        ] {
            assert_eq!(verdict(&answered(status), &policy(&[]), 1, 0), FIRST, "{status}");
        }
    }

    #[test]
    fn retries_follow_the_schedule_and_then_stop() {
        let used = |attempts| verdict(&answered(500), &policy(&[]), attempts, 0);
        let verdicts = [used(1), used(2), used(3), used(u32::MAX)];
        let second = Verdict::Retry { delay: SCHEDULE[1] };
        assert_eq!(verdicts, [FIRST, second, Verdict::Failed, Verdict::Failed]);
    }

    #[test]
    fn an_empty_schedule_means_a_single_attempt() {
        let policy = RetryPolicy { schedule: vec![], ..policy(&[]) };
        assert_eq!(verdict(&answered(500), &policy, 1, 0), Verdict::Failed);
    }

    #[test]
    fn a_410_is_gone_and_never_retried() {
        assert_eq!(verdict(&answered(410), &policy(&[]), 1, 0), Verdict::Gone);
        assert_eq!(verdict(&answered(410), &policy(&[410]), 1, 0), Verdict::Gone);
    }

    #[test]
    fn throttling_uses_up_no_retry() {
        let rest = |seconds| Some(Duration::from_secs(seconds));
        for used in [1, 3, 100] {
            let judge = |attempt| verdict(&attempt, &policy(&[500]), used, 0);
            assert_eq!(judge(answered(429)), Verdict::Throttled { rest: None });
            assert_eq!(judge(retry_after(429, 120)), Verdict::Throttled { rest: rest(120) });
            assert_eq!(judge(retry_after(503, 0)), Verdict::Throttled { rest: rest(0) });
        }
    }

    #[test]
    fn a_resolver_that_is_out_uses_up_no_retry_and_is_not_charged_to_the_endpoint() {
        for class in [ErrorClass::Dns, ErrorClass::Auth] {
            let attempt = Attempt { is_resolver_out: true, ..failed(class, None) };
            for used in [1, 3, 100] {
                let verdict = verdict(&attempt, &policy(&[500]), used, 0);
                assert_eq!(verdict, Verdict::Throttled { rest: None });
            }
            assert_eq!(blame(&attempt), Blame::Throttle);
        }
    }

    #[test]
    fn retry_on_status_limits_statuses_but_not_network_failures() {
        let policy = policy(&[502, 503]);
        assert_eq!(verdict(&answered(500), &policy, 1, 0), Verdict::Failed);
        assert_eq!(verdict(&answered(503), &policy, 1, 0), FIRST);
        for class in [
            ErrorClass::Dns,
            ErrorClass::Connect,
            ErrorClass::Timeout,
            ErrorClass::Tls,
            ErrorClass::Reset,
            ErrorClass::Protocol,
            ErrorClass::BlockedAddress,
            ErrorClass::Auth,
        ] {
            assert_eq!(verdict(&failed(class, None), &policy, 1, 0), FIRST, "{class:?}");
        }
    }

    #[test]
    fn a_client_error_may_be_the_events_fault_and_the_rest_is_the_endpoints() {
        for status in [400, 401, 403, 404, 409, 410, 418, 422] {
            assert_eq!(blame(&answered(status)), Blame::Event, "{status}");
        }
        for status in [302, 408, 425, 500, 502, 503] {
            assert_eq!(blame(&answered(status)), Blame::Endpoint, "{status}");
        }
        assert_eq!(blame(&answered(429)), Blame::Throttle);
        assert_eq!(blame(&retry_after(503, 1)), Blame::Endpoint);
        for class in [ErrorClass::Dns, ErrorClass::Auth] {
            assert_eq!(blame(&failed(class, None)), Blame::Endpoint);
        }
    }
}
