//! What the application's inserts lose by a consumer beside them.

use std::time::Duration;

use crate::Failed;
use crate::consumer::Kind;
use crate::load::{Commits, Load};
use crate::table::{Table, fine, whole};
use crate::world::{PATIENCE, World};

/// Inserts a second of the paced part: far below the machine's limit, so that what is seen is
/// interference and not the division of two cores.
const RATE: u64 = 1_000;

/// Inserts with nobody, walhook, and the rival beside them.
pub(crate) async fn inserts(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Inserts of the application, durable commits, 4 sessions",
        &["beside the inserts", "mean ms at 1,000/s", "p99 ms at 1,000/s", "inserts/s at most"],
    );
    table.row(row(world, None).await?);
    for kind in world.both() {
        table.row(row(world, Some(kind)).await?);
    }
    // What the first and the last say of the same thing differ by the noise.
    table.row(row(world, None).await?);
    table.print();
    Ok(())
}

async fn row(world: &World, kind: Option<Kind<'_>>) -> Result<Vec<String>, Failed> {
    let site = world.site(1).await?;
    let mut consumer = None;
    if let Some(kind) = kind {
        kind.prepare(&site, &world.sink).await?;
        let started = consumer.insert(kind.start(&site, &world.sink)?);
        started.streams(&site).await?;
    }
    world.sink.reset(false);
    let load = Load::open(&site, 4, Commits::Durable).await?;
    load.paced(RATE, 2).await?;
    let mut taken = load.paced(RATE, world.arguments.seconds).await?;
    taken.sort_unstable();
    let mean = taken.iter().sum::<Duration>().as_secs_f64() / taken.len() as f64;
    let p99 = taken.get(taken.len() * 99 / 100).copied().unwrap_or_default();
    let most = world.arguments.rows / 4;
    let burst = load.burst_waiting(most).await?;
    drop(load);
    let rows = RATE * (2 + world.arguments.seconds) + most;
    match consumer {
        Some(consumer) => {
            world.sink.wait(rows, PATIENCE).await;
            world.clear("inserts", consumer, site).await?;
        }
        None => site.drop(&world.admin).await?,
    }
    Ok(vec![
        kind.map_or("nobody", |kind| kind.name()).to_owned(),
        fine(mean * 1e3),
        fine(p99.as_secs_f64() * 1e3),
        whole(most as f64 / burst.as_secs_f64()),
    ])
}
