//! How an endpoint fares: failures in a row, rest, probe, growth, disabling. Pure; takes `now`.

use std::time::{Duration, Instant};

use crate::deliver::classify::Blame;
use crate::endpoint::Endpoint;

/// 4xx answers in a row that make an endpoint rest: one bad event must not rest a healthy one.
const REFUSALS_TO_REST: u32 = 3;

/// What a failure came to, for whoever raises alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Failures in a row, this one included.
    pub(super) failures: u32,
    /// The endpoint is to be disabled now.
    pub(super) disables: bool,
}

/// The lane's knowledge of its endpoint.
#[derive(Debug)]
pub(super) struct Fitness {
    failures: u32,
    /// In microseconds since 1970-01-01 UTC.
    failing_since: Option<i64>,
    refusals: u32,
    throttles: u32,
    is_disabled: bool,
    /// When the last counted failure was known.
    counted_at: Option<Instant>,
    succeeded_at: Option<Instant>,
    resting_until: Option<Instant>,
    /// Requests allowed at a time; grows after a probe.
    allowance: usize,
}

impl Fitness {
    pub(super) fn new(failures: u32, failing_since: Option<i64>, endpoint: &Endpoint) -> Self {
        Self {
            failures,
            failing_since,
            refusals: 0,
            throttles: 0,
            is_disabled: false,
            counted_at: None,
            succeeded_at: None,
            resting_until: None,
            allowance: endpoint.max_in_flight,
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn failing_since(&self) -> Option<i64> {
        self.failing_since
    }

    /// An operator took it back into service.
    pub(super) fn enable(&mut self, endpoint: &Endpoint) {
        *self = Self::new(0, None, endpoint);
    }

    /// Time left to rest.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        self.resting_until
            .map(|until| until.saturating_duration_since(now))
            .filter(|d| !d.is_zero())
    }

    /// Requests that may be under way at a time.
    pub(super) fn allowance(&self) -> usize {
        self.allowance
    }

    /// The endpoint may take more requests at a time, or fewer. One that is growing goes on.
    pub(super) fn allow(&mut self, former: &Endpoint, endpoint: &Endpoint) {
        let was_full = self.allowance >= former.max_in_flight;
        let most = endpoint.max_in_flight;
        self.allowance = if was_full { most } else { self.allowance.min(most) };
    }

    /// Whether the next request decides if the endpoint is well again.
    pub(super) fn is_probing(&self) -> bool {
        self.allowance == 1 && (self.failures > 0 || self.throttles > 0)
    }

    /// A 2xx came. Returns the failures that it ends.
    pub(super) fn succeeded(&mut self, endpoint: &Endpoint, now: Instant) -> u32 {
        self.succeeded_at = Some(now);
        self.refusals = 0;
        self.throttles = 0;
        self.resting_until = None;
        self.allowance = self.allowance.saturating_mul(2).min(endpoint.max_in_flight);
        self.failing_since = None;
        std::mem::take(&mut self.failures)
    }

    /// The endpoint asked for less, for `rest` if it said how long.
    pub(super) fn throttled(
        &mut self,
        endpoint: &Endpoint,
        rest: Option<Duration>,
        now: Instant,
    ) -> Duration {
        self.throttles = self.throttles.saturating_add(1);
        let rest = rest.unwrap_or_else(|| nth_rest(endpoint, self.throttles));
        self.rest_until(now + rest);
        rest
    }

    /// A request that began at `began` failed. `None` if it counts with an earlier one: requests
    /// in flight together count once.
    pub(super) fn failed(
        &mut self,
        endpoint: &Endpoint,
        blame: Blame,
        began: Instant,
        (now, now_microseconds): (Instant, i64),
    ) -> Option<Counted> {
        if self.counted_at.is_some_and(|counted| began < counted) {
            return None;
        }
        self.counted_at = Some(now);
        self.failures = self.failures.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now_microseconds);
        self.refusals = match blame {
            Blame::Event => self.refusals.saturating_add(1),
            Blame::Endpoint | Blame::Nobody | Blame::Throttle => 0,
        };
        let succeeds_otherwise = self.succeeded_at.is_some_and(|success| success >= began);
        let unwell = blame != Blame::Event || self.refusals >= REFUSALS_TO_REST;
        if unwell && !succeeds_otherwise {
            self.rest_until(now + nth_rest(endpoint, self.failures));
        }
        let failing_for =
            Duration::from_micros(now_microseconds.saturating_sub(since).max(0) as u64);
        let disables = endpoint.disable_after > 0
            && self.failures >= endpoint.disable_after
            && failing_for >= endpoint.disable_min_duration
            && !self.is_disabled;
        self.is_disabled |= disables;
        Some(Counted { failures: self.failures, disables })
    }

    fn rest_until(&mut self, until: Instant) {
        self.resting_until = self.resting_until.max(Some(until));
        self.allowance = 1;
    }
}

fn nth_rest(endpoint: &Endpoint, n: u32) -> Duration {
    let index = (n.max(1) as usize - 1).min(endpoint.failure_rest.len().saturating_sub(1));
    endpoint.failure_rest.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::lane::tests::endpoint;

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(
        fitness: &mut Fitness,
        endpoint: &Endpoint,
        began: Instant,
        now: Instant,
    ) -> Option<u32> {
        fitness.failed(endpoint, Blame::Endpoint, began, (now, 0)).map(|counted| counted.failures)
    }

    #[test]
    fn requests_in_flight_together_count_once() {
        let (endpoint, begin) = (endpoint(), Instant::now());
        let mut fitness = Fitness::new(0, None, &endpoint);
        assert_eq!(fail(&mut fitness, &endpoint, begin, begin + SECOND), Some(1));
        assert_eq!(fail(&mut fitness, &endpoint, begin, begin + SECOND), None);
        assert_eq!(fail(&mut fitness, &endpoint, begin + SECOND, begin + 2 * SECOND), Some(2));
    }

    #[test]
    fn the_kth_failure_rests_the_endpoint_for_the_kth_time_and_then_one_request_probes() {
        let (endpoint, mut now) = (endpoint(), Instant::now());
        let mut fitness = Fitness::new(0, None, &endpoint);
        for rest in [1, 2, 5, 5, 5] {
            fail(&mut fitness, &endpoint, now, now);
            assert_eq!(fitness.rest(now), Some(Duration::from_secs(rest)));
            assert_eq!(fitness.allowance(), 1);
            assert!(fitness.is_probing());
            now += Duration::from_secs(rest);
            assert_eq!(fitness.rest(now), None);
        }
        for allowance in [2, 4, 8, 8] {
            fitness.succeeded(&endpoint, now);
            assert_eq!(fitness.allowance(), allowance);
        }
    }

    #[test]
    fn one_bad_event_does_not_rest_a_healthy_endpoint() {
        let (endpoint, begin) = (endpoint(), Instant::now());
        let mut fitness = Fitness::new(0, None, &endpoint);
        fitness.succeeded(&endpoint, begin + SECOND);
        fail(&mut fitness, &endpoint, begin, begin + 2 * SECOND);
        assert_eq!(fitness.rest(begin + 2 * SECOND), None, "a success came while it was under way");
    }

    #[test]
    fn refusals_rest_the_endpoint_from_the_third_in_a_row() {
        let (endpoint, mut now) = (endpoint(), Instant::now());
        let mut fitness = Fitness::new(0, None, &endpoint);
        for rests in [false, false, true] {
            now += SECOND;
            fitness.failed(&endpoint, Blame::Event, now, (now, 0));
            assert_eq!(fitness.rest(now).is_some(), rests);
        }
    }

    #[test]
    fn throttling_rests_without_counting() {
        let (endpoint, now) = (endpoint(), Instant::now());
        let mut fitness = Fitness::new(0, None, &endpoint);
        assert_eq!(fitness.throttled(&endpoint, Some(9 * SECOND), now), 9 * SECOND);
        assert_eq!((fitness.failures(), fitness.rest(now)), (0, Some(9 * SECOND)));
        assert_eq!(
            fitness.throttled(&endpoint, None, now),
            2 * SECOND,
            "as long as after a failure"
        );
    }

    #[test]
    fn an_endpoint_is_disabled_once_after_enough_failures_over_enough_time() {
        let endpoint =
            Endpoint { disable_after: 2, disable_min_duration: 10 * SECOND, ..endpoint() };
        let mut fitness = Fitness::new(0, None, &endpoint);
        let begin = Instant::now();
        let mut fail_at = |seconds: u32| {
            let now = begin + seconds * SECOND;
            let microseconds = i64::from(seconds) * 1_000_000;
            fitness.failed(&endpoint, Blame::Endpoint, now, (now, microseconds)).unwrap().disables
        };
        assert_eq!([fail_at(1), fail_at(5), fail_at(11), fail_at(12)], [false, false, true, false]);
    }

    #[test]
    fn a_success_ends_the_count_and_says_how_long_it_was() {
        let (endpoint, now) = (endpoint(), Instant::now());
        let mut fitness = Fitness::new(4, Some(1), &endpoint);
        assert_eq!(fitness.succeeded(&endpoint, now), 4);
        assert_eq!((fitness.failures(), fitness.failing_since()), (0, None));
    }
}
