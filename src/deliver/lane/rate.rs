//! How fast a lane drains, and how fast it may go. Pure; takes `now`.

use std::time::{Duration, Instant};

/// Length of one measured stretch.
const STRETCH: Duration = Duration::from_millis(500);

/// A lane that nothing has left for this long has stopped, however fast it was.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Bytes a second that left the lane recently.
#[derive(Debug)]
pub(super) struct Drain {
    stretch_began: Option<Instant>,
    bytes: usize,
    bytes_per_second: Option<f64>,
}

impl Drain {
    pub(super) fn new() -> Self {
        Self { stretch_began: None, bytes: 0, bytes_per_second: None }
    }

    /// Notes that there is something to send.
    pub(super) fn begin(&mut self, now: Instant) {
        self.stretch_began.get_or_insert(now);
    }

    /// Notes that there is nothing to send: a lane without work is not slow.
    pub(super) fn pause(&mut self) {
        self.stretch_began = None;
        self.bytes = 0;
    }

    /// Notes that a body of `bytes` left.
    pub(super) fn add(&mut self, bytes: usize, now: Instant) {
        let began = *self.stretch_began.get_or_insert(now);
        self.bytes += bytes;
        let length = now.saturating_duration_since(began);
        if length >= STRETCH {
            self.bytes_per_second = Some(self.bytes as f64 / length.as_secs_f64());
            self.bytes = 0;
            self.stretch_began = Some(now);
        }
    }

    /// How long `bytes` would take at the recent rate. A lane that has not shown a rate yet gets
    /// the benefit of the doubt for a stretch, then counts as standing still.
    pub(super) fn time_for(&self, bytes: usize, now: Instant) -> Duration {
        let waited =
            self.stretch_began.map_or(Duration::ZERO, |b| now.saturating_duration_since(b));
        if waited >= STANDSTILL {
            return Duration::MAX;
        }
        let current = (waited >= STRETCH).then(|| self.bytes as f64 / waited.as_secs_f64());
        let rate = match (self.bytes_per_second, current) {
            // The stretch under way counts when it is the slower one: a lane may just have stopped.
            (Some(measured), Some(current)) => measured.min(current.max(measured / 8.0)),
            (Some(measured), None) => measured,
            (None, Some(current)) => current,
            (None, None) => return Duration::ZERO,
        };
        Duration::try_from_secs_f64(bytes as f64 / rate).unwrap_or(Duration::MAX)
    }
}

/// `rate_limit_per_second`: attempts spread evenly, bursts of at most a tenth of a second's.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Option<Duration>,
    burst: Duration,
    /// When the next attempt would be on time at an even pace.
    next: Option<Instant>,
}

impl Pace {
    /// `per_second` of 0 is no limit.
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second);
        Self { interval, burst: Duration::from_millis(100), next: None }
    }

    /// How long the next attempt must wait.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.interval?;
        let wait = self.next?.checked_sub(self.burst)?.saturating_duration_since(now);
        Some(wait).filter(|wait| !wait.is_zero())
    }

    pub(super) fn started(&mut self, now: Instant) {
        if let Some(interval) = self.interval {
            self.next = Some(self.next.map_or(now, |next| next.max(now)) + interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_ten_a_second_lets_twenty_pass_in_two_seconds() {
        let mut pace = Pace::new(10);
        let begin = Instant::now();
        let mut now = begin;
        let mut passed = 0;
        while now < begin + Duration::from_secs(2) {
            match pace.wait(now) {
                Some(wait) => now += wait,
                None => {
                    pace.started(now);
                    passed += 1;
                }
            }
        }
        assert!((20..=22).contains(&passed), "{passed}");
    }

    #[test]
    fn no_limit_never_waits() {
        let mut pace = Pace::new(0);
        let now = Instant::now();
        pace.started(now);
        assert_eq!(pace.wait(now), None);
    }

    #[test]
    fn a_lane_that_stopped_is_seen_to_be_slow() {
        let mut drain = Drain::new();
        let begin = Instant::now();
        for step in 0..20 {
            drain.add(1_000_000, begin + Duration::from_millis(50 * step));
        }
        let then = begin + Duration::from_secs(1);
        assert!(drain.time_for(20_000_000, then) < Duration::from_secs(3));
        assert!(drain.time_for(20_000_000, then + Duration::from_secs(5)) > Duration::from_secs(5));
        assert_eq!(drain.time_for(1, then + STANDSTILL), Duration::MAX, "however fast it was");
    }

    #[test]
    fn a_lane_whose_first_request_hangs_stands_still() {
        let (mut drain, now) = (Drain::new(), Instant::now());
        drain.begin(now);
        assert_eq!(drain.time_for(1000, now + STRETCH / 2), Duration::ZERO);
        assert_eq!(drain.time_for(1000, now + STRETCH), Duration::MAX);
    }

    #[test]
    fn a_lane_without_work_is_not_slow() {
        let (mut drain, begin) = (Drain::new(), Instant::now());
        for step in 0..20 {
            drain.add(1_000_000, begin + Duration::from_millis(50 * step));
        }
        drain.pause();
        let later = begin + Duration::from_secs(600);
        drain.begin(later);
        assert!(drain.time_for(20_000_000, later) < Duration::from_secs(3));
    }
}
