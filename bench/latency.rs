//! From commit to receipt, at fixed rates far below what either can do.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::Failed;
use crate::consumer::Kind;
use crate::load::{Commits, Load};
use crate::measure;
use crate::site::Site;
use crate::table::{Table, fine};
use crate::world::{PATIENCE, World};

/// Inserts a second.
const RATES: [u64; 2] = [200, 1_000];

/// Commit to receipt at each rate.
pub(crate) async fn latency(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Latency, commit to receipt, ms",
        &["sent by", "commits/s", "p50", "p90", "p99", "worst", "consumer CPU %", "RSS MB"],
    );
    for rate in RATES {
        for kind in world.both() {
            table.row(row(world, kind, rate).await?);
        }
    }
    table.print();
    Ok(())
}

async fn row(world: &World, kind: Kind<'_>, rate: u64) -> Result<Vec<String>, Failed> {
    let what = format!("latency, {}, {rate}/s", kind.name());
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let load = Load::open(&site, 4, Commits::Durable).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    // Connections, plans and compiled code are there before it counts.
    world.sink.reset(true);
    load.paced(rate, 2).await?;
    let warm = 2 * rate;
    world.sink.wait(warm, PATIENCE).await;
    let meter = world.meter(Some(consumer.pid)).await?;
    load.paced(rate, world.arguments.seconds).await?;
    let rows = warm + rate * world.arguments.seconds;
    if !world.sink.wait(rows, PATIENCE).await {
        world.odd(format!("{what}: stalled at {} of {rows}", world.sink.unique()));
    }
    let cost = meter.end(&world.admin, None).await?;
    let mut times = times(world, &site).await?.split_off(warm as usize);
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        fine(times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or(f64::NAN))
    };
    let figures = [at(0.5), at(0.9), at(0.99), at(1.0)];
    let resident = measure::resident_mb(consumer.pid).map_or(f64::NAN, |(now, _)| now);
    drop(load);
    world.clear(&what, consumer, site).await?;
    let busy = cost.consumer_seconds / cost.elapsed.as_secs_f64() * 100.0;
    let mut cells = vec![kind.name().to_owned(), rate.to_string()];
    cells.extend(figures);
    cells.extend([fine(busy), fine(resident)]);
    Ok(cells)
}

/// Milliseconds from commit to receipt of each row, in the order of their numbers.
async fn times(world: &World, site: &Site) -> Result<Vec<f64>, Failed> {
    let received: HashMap<u64, SystemTime> = world.sink.times().into_iter().collect();
    let mut times = Vec::with_capacity(received.len());
    for row in site.client.query(include_str!("sql/commit_times.sql"), &[]).await? {
        let (number, micros): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let committed = SystemTime::UNIX_EPOCH + Duration::from_micros(micros as u64);
        if let Some(received) = received.get(&(number as u64)) {
            // The commit's time is taken just before the commit; it can be no later.
            let taken = received.duration_since(committed).unwrap_or_default();
            times.push(taken.as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}
