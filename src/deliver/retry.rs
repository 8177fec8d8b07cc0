//! When a failed delivery is tried again. Pure: jitter comes from a hash, so tests are exact.

use std::time::Duration;

use crate::endpoint::RetryPolicy;
use crate::event::DeliveryId;

/// Delay before retry `retry_index` (from 0); `None` when the schedule is used up.
pub fn delay(policy: &RetryPolicy, retry_index: usize, seed: u64) -> Option<Duration> {
    let delay = *policy.schedule.get(retry_index)?;
    if policy.jitter <= 0.0 {
        return Some(delay);
    }
    // The upper 53 bits as a number from 0 up to 1, then from -1 up to 1.
    let share = (seed >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
    let factor = 1.0 + policy.jitter.min(1.0) * share;
    Some(Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(delay))
}

/// What decides the jitter after `attempt` of `delivery`: the same on every replay.
pub fn seed(delivery: DeliveryId, attempt: u32) -> u64 {
    let (_, low) = delivery.0.as_u64_pair();
    mix(low ^ mix(u64::from(attempt)))
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
    use uuid::Uuid;

    fn policy(jitter: f64) -> RetryPolicy {
        let schedule = [60, 300, 900, 3600, 14400].map(Duration::from_secs).to_vec();
        RetryPolicy { schedule, jitter, retry_on_status: vec![] }
    }

    #[test]
    fn without_jitter_the_schedule_is_exact_and_ends() {
        let policy = policy(0.0);
        let delays: Vec<_> = (0..6).map(|index| delay(&policy, index, 7)).collect();
        let exact = [60, 300, 900, 3600, 14400].map(|s| Some(Duration::from_secs(s)));
        assert_eq!(delays[..5], exact);
        assert_eq!(delays[5], None);
    }

    #[test]
    fn an_empty_schedule_has_no_retry() {
        assert_eq!(delay(&RetryPolicy { schedule: vec![], ..policy(0.5) }, 0, 1), None);
    }

    #[test]
    fn the_ends_of_the_hash_are_the_ends_of_the_jitter() {
        let at = |seed| delay(&policy(0.1), 0, seed).unwrap().as_secs_f64();
        assert!((at(0) - 54.0).abs() < 1e-6);
        assert!((at(1 << 63) - 60.0).abs() < 1e-6);
        assert!((at(u64::MAX) - 66.0).abs() < 1e-6);
    }

    #[test]
    fn the_seed_differs_between_attempts_and_deliveries_and_repeats() {
        let (one, other) = (DeliveryId(Uuid::from_u128(1)), DeliveryId(Uuid::from_u128(2)));
        assert_eq!(seed(one, 1), seed(one, 1));
        assert_ne!(seed(one, 1), seed(one, 2));
        assert_ne!(seed(one, 1), seed(other, 1));
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share_and_never_goes_below_zero(
            jitter in 0.0..2.0f64,
            seconds in 0..40_000_000u64,
            seed: u64,
        ) {
            let base = Duration::from_secs(seconds);
            let schedule = vec![base];
            let jittered =
                delay(&RetryPolicy { schedule, jitter, retry_on_status: vec![] }, 0, seed).unwrap();
            let most = jitter.min(1.0) * base.as_secs_f64() + 1e-6;
            prop_assert!((jittered.as_secs_f64() - base.as_secs_f64()).abs() <= most);
        }
    }
}
