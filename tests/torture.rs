//! A short round of `./dev torture`: faults of all kinds, and the proof that nothing was lost,
//! invented, overtaken or sent again without need.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the summary tells how the round went")]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../torture/round/mod.rs"]
mod round;
mod support;

use std::time::Duration;

/// One whose round has a bit of everything. `WALHOOK_TEST_SEED` asks for another.
const SEED: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_is_kept_through_half_a_minute_of_faults() {
    let seed = std::env::var("WALHOOK_TEST_SEED").ok();
    let seed = seed.map_or(SEED, |seed| seed.parse().unwrap());
    let settings = round::Settings {
        seed,
        time: Duration::from_secs(25),
        is_told: true,
        logs: round::default_logs(),
    };
    let report = Box::pin(round::run(&settings)).await;
    println!("{report}");
    assert!(report.passed(), "{}", report.line());
}
