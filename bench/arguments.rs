//! The command line of the bench.

use std::fmt;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// walhook under load beside a rival, in one run, on a PostgreSQL of its own.
#[derive(Debug, Parser)]
#[command(name = "./dev bench")]
pub(crate) struct Arguments {
    /// What to measure; nothing named: all but growth.
    #[arg(value_enum)]
    scenario: Vec<Scenario>,
    /// All growth scenarios besides.
    #[arg(long)]
    growth: bool,
    /// Deliveries of each throughput run; the rival makes a quarter.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) rows: u64,
    /// Seconds of each latency run.
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u64,
    /// Rows of the one large transaction, and parked events.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) large: u64,
    /// Rows of the log where its growth ends.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) log_rows: u64,
    /// Everything small: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Where CSV and SVG go.
    #[arg(long, default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// Another walhook than the one just built.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_walhook"))]
    pub(crate) walhook: PathBuf,
    /// The rival's script; missing: without rival.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/bench/baselines/cdc_node.mjs"))]
    pub(crate) rival: PathBuf,
    /// Runs each daemon under this program and its arguments, as in "perf record -g -o out".
    #[arg(long, default_value = "")]
    pub(crate) under: String,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Rows committed while nobody listens, then drained.
    Backlog,
    /// Deliveries while the inserts run on the same cores.
    Live,
    /// Commit to receipt at fixed rates.
    Latency,
    /// Idle, one large transaction, parked events.
    Memory,
    /// Memory with up to 1,000 endpoints.
    Endpoints,
    /// What the application's inserts lose.
    Inserts,
    /// Receiver or log stand still for five seconds.
    Outage,
    /// Providers' events, verified and committed.
    Inbound,
    /// What the conditions of models and endpoints cost.
    Conditions,
    /// Cost against the size of the log.
    GrowthLog,
    /// What operators ask of a long log.
    Questions,
    /// Cost against the size of the queue.
    GrowthPending,
    /// Cost against the number of endpoints.
    GrowthEndpoints,
    /// Cost against the number of models.
    GrowthModels,
}

const GROWTH: [Scenario; 5] = [
    Scenario::GrowthLog,
    Scenario::Questions,
    Scenario::GrowthPending,
    Scenario::GrowthEndpoints,
    Scenario::GrowthModels,
];

const ORDINARY: [Scenario; 9] = [
    Scenario::Backlog,
    Scenario::Live,
    Scenario::Latency,
    Scenario::Memory,
    Scenario::Endpoints,
    Scenario::Inserts,
    Scenario::Outage,
    Scenario::Inbound,
    Scenario::Conditions,
];

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Arguments {
    /// The scenarios to run, in order.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let mut wanted = self.scenario.clone();
        if wanted.is_empty() && !self.growth {
            wanted.extend(ORDINARY);
        }
        if self.growth {
            wanted.extend(GROWTH);
        }
        wanted
    }

    /// The same, with everything small if so wanted.
    pub(crate) fn scaled(mut self) -> Self {
        if self.quick {
            self.rows = self.rows.min(20_000);
            self.seconds = self.seconds.min(5);
            self.large = self.large.min(50_000);
            self.log_rows = self.log_rows.min(200_000);
        }
        self
    }

    /// Whether the figures mean nothing.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }
}
