//! `retry`: a schedule spelled out, or one that grows by a factor. Both become a schedule.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Problem;
use super::table::Table;
use super::value::Value;
use crate::endpoint::RetryPolicy;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Nobody waits longer for a webhook; and no sum of delays can overflow.
const DELAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(30 * 24 * 3600);
const MOST_RETRIES: usize = 100;

/// The keys that make a growing schedule.
const GROWING: [&str; 4] = ["max_retries", "retry_delay", "backoff_factor", "max_delay"];

/// A policy that stands for "never" while faults are gathered.
pub(super) fn none() -> RetryPolicy {
    RetryPolicy { schedule: Vec::new(), jitter: 0.0, retry_on_status: Vec::new() }
}

/// Reads `retry`; what it leaves out is as in `base`.
pub(super) fn read(value: &Value<'_>, base: &RetryPolicy) -> Option<RetryPolicy> {
    value.table(|table| {
        let retry_on_status =
            table.read("retry_on_status", read_statuses, base.retry_on_status.clone());
        Some(RetryPolicy { retry_on_status, ..delays(table, base)? })
    })
}

/// The same for what has no statuses.
pub(super) fn read_delays(value: &Value<'_>, base: &RetryPolicy) -> Option<RetryPolicy> {
    value.table(|table| delays(table, base))
}

fn delays(table: &mut Table<'_>, base: &RetryPolicy) -> Option<RetryPolicy> {
    let growing: Vec<&str> = GROWING.into_iter().filter(|key| table.is_given(key)).collect();
    let both = !growing.is_empty() && table.is_given("schedule");
    let spelled_out = table.read(
        "schedule",
        |value| value.list(MOST_RETRIES, |delay| delay.duration(DELAY)),
        base.schedule.clone(),
    );
    let grown = read_growing(table);
    let jitter = table.read("jitter", |value| value.float(0.0..=1.0), base.jitter);
    if both {
        return table.value_of("schedule").and_then(|schedule| {
            schedule.refuse_key(Problem::new(
                format!("`schedule` and `{}` exclude each other", growing[0]),
                format!(
                    "keep `schedule`, or keep {}",
                    GROWING.map(|key| format!("`{key}`")).join(", ")
                ),
            ))
        });
    }
    let schedule = if growing.is_empty() { spelled_out } else { grown };
    Some(RetryPolicy { schedule, jitter, retry_on_status: base.retry_on_status.clone() })
}

fn read_growing(table: &mut Table<'_>) -> Vec<Duration> {
    let retries: usize =
        table.read("max_retries", |value| value.integer(0..=MOST_RETRIES as i64), 5);
    let first = table.read("retry_delay", |value| value.duration(DELAY), MINUTE);
    let factor = table.read("backoff_factor", |value| value.float(1.0..=100.0), 2.0);
    let longest = table.read("max_delay", |value| value.duration(DELAY), 60 * MINUTE);
    schedule(retries, first, factor, longest)
}

fn schedule(retries: usize, first: Duration, factor: f64, longest: Duration) -> Vec<Duration> {
    let mut delay = first.as_secs_f64();
    let mut schedule = Vec::with_capacity(retries);
    for _ in 0..retries {
        // Whole milliseconds, so that a configuration and its log agree.
        let milliseconds = (delay.min(longest.as_secs_f64()) * 1000.0).round() as u64;
        schedule.push(Duration::from_millis(milliseconds));
        delay = (delay * factor).min(DAY.as_secs_f64() * 365.0);
    }
    schedule
}

fn read_statuses(value: &Value<'_>) -> Option<Vec<u16>> {
    value.list(MOST_RETRIES, |status| match status.integer(100..=599)? {
        success @ ..300 => status.refuse(
            Problem::new("not a failure, so it is never retried", format!("leave {success} out"))
                .allowed("300 to 599"),
        ),
        failure => Some(failure),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_schedule_grows_up_to_its_limit() {
        let seconds =
            |list: &[u64]| list.iter().map(|s| Duration::from_secs(*s)).collect::<Vec<_>>();
        assert_eq!(schedule(5, MINUTE, 2.0, 10 * MINUTE), seconds(&[60, 120, 240, 480, 600]));
        assert_eq!(schedule(3, MINUTE, 1.0, DAY), seconds(&[60, 60, 60]));
        assert_eq!(schedule(2, DAY, 2.0, MINUTE), seconds(&[60, 60]));
        assert!(schedule(0, MINUTE, 2.0, DAY).is_empty());
    }

    #[test]
    fn the_largest_growth_does_not_overflow() {
        let schedule = schedule(MOST_RETRIES, *DELAY.end(), 100.0, *DELAY.end());
        assert!(schedule.iter().all(|delay| delay == DELAY.end()));
    }
}
