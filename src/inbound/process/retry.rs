//! When a failed run is tried again. Pure: jitter comes from a hash.

use std::time::Duration;

use crate::endpoint::RetryPolicy;

/// Delay after run `attempt` (from 1) of the event `id`; `None` when the schedule is used up.
pub(super) fn delay(policy: &RetryPolicy, id: i64, attempt: i32) -> Option<Duration> {
    let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
    let delay = *policy.schedule.get(index)?;
    // The upper 53 bits as a number from 0 up to 1, then from -1 up to 1.
    let hash = mix(id.cast_unsigned() ^ mix(u64::from(attempt.cast_unsigned())));
    let share = (hash >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
    let factor = 1.0 + policy.jitter.clamp(0.0, 1.0) * share;
    Some(Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(delay))
}

/// Whether the schedule allows run `attempt`.
pub(super) fn allows(policy: &RetryPolicy, attempt: i32) -> bool {
    usize::try_from(attempt).is_ok_and(|attempt| attempt <= policy.schedule.len() + 1)
}

/// The finaliser of SplitMix64: each bit of the input sways every bit of the output.
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(jitter: f64) -> RetryPolicy {
        let schedule = [300, 600, 1200].map(Duration::from_secs).to_vec();
        RetryPolicy { schedule, jitter, retry_on_status: vec![] }
    }

    #[test]
    fn a_schedule_of_three_delays_means_at_most_four_runs() {
        let delays: Vec<_> = (0..6).map(|attempt| delay(&policy(0.0), 7, attempt)).collect();
        let [first, second, third] = [300, 600, 1200].map(|s| Some(Duration::from_secs(s)));
        assert_eq!(delays, [None, first, second, third, None, None]);
        let allowed: Vec<_> = (1..6).map(|attempt| allows(&policy(0.0), attempt)).collect();
        assert_eq!(allowed, [true, true, true, true, false]);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share_and_repeats(jitter in 0.0..1.0f64, id: i64) {
            let first = delay(&policy(jitter), id, 1).unwrap();
            prop_assert!((first.as_secs_f64() - 300.0).abs() <= jitter * 300.0 + 1e-6);
            prop_assert_eq!(delay(&policy(jitter), id, 1), Some(first));
        }
    }
}
