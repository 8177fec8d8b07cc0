//! Resident memory: idle, with one large transaction, with many parked events.

use std::time::{Duration, Instant};

use crate::Failed;
use crate::consumer::Kind;
use crate::load::{Commits, Load};
use crate::measure;
use crate::table::{Table, fine, whole};
use crate::world::{PATIENCE, World};

/// Everything about memory.
pub(crate) async fn memory(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Memory",
        &[
            "memory of",
            "while",
            "rows",
            "RSS MB",
            "peak RSS MB",
            "rows/s",
            "consumer CPU s/10k",
            "PostgreSQL CPU s/10k",
        ],
    );
    for kind in world.both() {
        table.row(idle(world, kind).await?);
        table.row(one_transaction(world, kind).await?);
    }
    for row in parked(world).await? {
        table.row(row);
    }
    table.print();
    Ok(())
}

async fn idle(world: &World, kind: Kind<'_>) -> Result<Vec<String>, Failed> {
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    let meter = world.meter(Some(consumer.pid)).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let cost = meter.end(&world.admin, None).await?;
    if cost.wal_bytes > 64.0 * 1024.0 {
        world.odd(format!("{}: {} bytes of WAL in ten idle seconds", kind.name(), cost.wal_bytes));
    }
    let cells = cells(kind, "idle", consumer.pid, 0, None);
    world.clear("idle", consumer, site).await?;
    Ok(cells)
}

async fn one_transaction(world: &World, kind: Kind<'_>) -> Result<Vec<String>, Failed> {
    let rows = match kind {
        Kind::Walhook { .. } => world.arguments.large,
        Kind::Node(_) => world.arguments.large / 4,
    };
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let load = Load::open(&site, 1, Commits::Durable).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.sink.reset(false);
    load.burst(rows, rows).await?;
    let meter = world.meter(Some(consumer.pid)).await?;
    if !world.sink.wait(rows, PATIENCE).await {
        let unique = world.sink.unique();
        world.odd(format!("{}: stalled at {unique} of one transaction of {rows}", kind.name()));
    }
    world.until_quiet(consumer.pid).await;
    let cost = meter.end(&world.admin, None).await?;
    let rate = rows as f64 / world.sink.tally().span.as_secs_f64();
    let cells = cells(kind, "one transaction", consumer.pid, rows, Some((rate, cost)));
    drop(load);
    world.clear("one transaction", consumer, site).await?;
    Ok(cells)
}

/// A receiver that refuses everything until all is parked, then takes it.
async fn parked(world: &World) -> Result<[Vec<String>; 2], Failed> {
    let rows = world.arguments.large;
    let settings = "retry = { schedule = [\"1s\"], retry_on_status = [500] }\ndisable_after = 0\n\
                    failure_rest = [\"30s\"]";
    // The rest is longer than the lane waits for; a refused event must not fail for good.
    let settings = settings.replace("[\"1s\"]", &format!("{:?}", vec!["1s"; 100]));
    let kind = world.walhook_with(1, &settings);
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let load = Load::open(&site, 2, Commits::Loose).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.sink.reset(false);
    world.sink.refuse(true);
    let (meter, begun) = (world.meter(Some(consumer.pid)).await?, Instant::now());
    load.burst(rows, 100).await?;
    let mut waiting = 0;
    let mut grown = Instant::now();
    while waiting < rows && grown.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let count: i64 = site.ask("select count(*) from walhook.pending").await?;
        if count as u64 > waiting {
            (waiting, grown) = (count as u64, Instant::now());
        }
    }
    let rate = waiting as f64 / begun.elapsed().as_secs_f64();
    if waiting < rows {
        world.odd(format!("only {waiting} of {rows} were parked"));
    }
    let cost = meter.end(&world.admin, None).await?;
    let parking = cells(kind, "parking", consumer.pid, waiting, Some((rate, cost)));

    world.sink.refuse(false);
    let meter = world.meter(Some(consumer.pid)).await?;
    if !world.sink.wait(rows, PATIENCE).await {
        world.odd(format!("stalled at {} of {rows} parked", world.sink.unique()));
    }
    world.until_quiet(consumer.pid).await;
    let cost = meter.end(&world.admin, None).await?;
    let tally = world.sink.tally();
    if tally.repeated > 0 {
        world.odd(format!("{} of {rows} parked events came twice", tally.repeated));
    }
    let rate = tally.unique as f64 / tally.span.as_secs_f64();
    let taking = cells(kind, "taking parked ones", consumer.pid, rows, Some((rate, cost)));
    drop(load);
    world.clear("parked", consumer, site).await?;
    Ok([parking, taking])
}

fn cells(
    kind: Kind<'_>,
    what: &str,
    pid: u32,
    rows: u64,
    work: Option<(f64, measure::Cost)>,
) -> Vec<String> {
    let (now, peak) = measure::resident_mb(pid).unwrap_or((f64::NAN, f64::NAN));
    let mut cells = vec![kind.name().to_owned(), what.to_owned(), whole(rows as f64)];
    cells.extend([fine(now), fine(peak)]);
    if let Some((rate, cost)) = work {
        let per_10k = 10_000.0 / rows as f64;
        cells.push(whole(rate));
        cells.push(fine(cost.consumer_seconds * per_10k));
        cells.push(fine(cost.postgres_seconds * per_10k));
    }
    cells
}
