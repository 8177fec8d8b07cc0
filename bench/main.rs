//! `./dev bench`: walhook under load beside a rival, in one run, on a PostgreSQL of its own.
//!
//! Prints Markdown, so that BENCHMARKS.md is what this program said. Needs Linux (`/proc`).

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the tables are what this program is for")]
#![allow(clippy::print_stderr, reason = "and standard error tells how far it is")]

mod arguments;
mod conditions;
mod consumer;
mod endpoints;
mod growth;
mod inbound;
mod inserts;
mod latency;
mod load;
mod measure;
mod memory;
mod node;
mod outage;
mod plot;
mod poster;
mod questions;
mod sink;
mod site;
mod table;
mod throughput;
mod world;

use std::process::ExitCode;

use arguments::{Arguments, Scenario};
use clap::Parser as _;
use world::World;

/// A tool of one's own needs no variants of failure: it prints the chain and ends.
type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Box::pin(run(Arguments::parse())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failed> {
    let scenarios = arguments.scenarios();
    let world = World::start(arguments).await?;
    world.describe_machine();
    for scenario in scenarios {
        eprintln!("bench: {scenario}");
        match scenario {
            Scenario::Backlog => throughput::backlog(&world).await?,
            Scenario::Live => throughput::live(&world).await?,
            Scenario::Latency => latency::latency(&world).await?,
            Scenario::Memory => memory::memory(&world).await?,
            Scenario::Endpoints => endpoints::endpoints(&world).await?,
            Scenario::Inserts => inserts::inserts(&world).await?,
            Scenario::Inbound => inbound::inbound(&world).await?,
            Scenario::Conditions => conditions::conditions()?,
            Scenario::Outage => outage::outage(&world).await?,
            Scenario::GrowthLog => growth::log(&world).await?,
            Scenario::Questions => questions::questions(&world).await?,
            Scenario::GrowthPending => growth::pending(&world).await?,
            Scenario::GrowthEndpoints => growth::endpoints(&world).await?,
            Scenario::GrowthModels => growth::models(&world).await?,
        }
    }
    world.tell_oddities();
    Ok(())
}
