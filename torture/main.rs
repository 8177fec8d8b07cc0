//! `./dev torture`: everything that may happen to walhook in a bad week, in minutes, and the proof
//! that nothing was lost, nothing invented, nothing out of order, and nothing sent again without
//! need. What happens is drawn from a seed.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the summary is what this program is for")]
#![allow(clippy::unwrap_used, reason = "it fails as a test does, by panicking")]
#![allow(unreachable_pub, reason = "a program has no outside")]

mod round;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

/// Faults of all kinds, drawn from a seed, and the proof that walhook keeps its promises.
#[derive(Debug, Parser)]
#[command(name = "./dev torture")]
struct Arguments {
    /// Minutes in all, in rounds that each begin anew.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Seconds of faults in each round.
    #[arg(long, default_value_t = 90)]
    round: u64,
    /// Seed of the first round; each later one has the next. None: taken from the clock.
    #[arg(long)]
    seed: Option<u64>,
    /// Only one line for each round that passes, and nothing while it goes on.
    #[arg(long)]
    quiet: bool,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let clock = || std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let first = arguments.seed.unwrap_or_else(clock);
    let begun = Instant::now();
    let mut lines = Vec::new();
    let mut has_failed = false;
    for seed in first.. {
        println!("seed {seed}");
        let settings = round::Settings {
            seed,
            time: Duration::from_secs(arguments.round),
            is_told: !arguments.quiet,
            logs: round::default_logs(),
        };
        let report = Box::pin(round::run(&settings)).await;
        has_failed |= !report.passed();
        if arguments.quiet && report.passed() {
            println!("{}", report.line());
        } else {
            println!("{report}");
        }
        lines.push(report.line());
        // A seed that was asked for is meant to be seen once.
        if begun.elapsed().as_secs_f64() >= arguments.minutes * 60.0 {
            break;
        }
    }
    println!("{:.1} minutes:", begun.elapsed().as_secs_f64() / 60.0);
    lines.iter().for_each(|line| println!("  {line}"));
    println!("{}", if has_failed { "FAIL" } else { "PASS" });
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
