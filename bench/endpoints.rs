//! Resident memory against the number of endpoints: idle, under load, and with large bodies to
//! read back.

use std::time::Duration;

use crate::Failed;
use crate::load::{Commits, Load};
use crate::measure::resident_mb;
use crate::table::{Table, whole};
use crate::world::{PATIENCE, World};

/// Endpoints of which each has one large body in the queue, and its bytes.
const LARGE: (usize, i32) = (200, 8_000_000);

/// Each endpoint gets a body of its own, as if each had filters of its own.
const OWN_BODIES: &str = "redact_fields = { \"*\" = { email = \"%NUMBER%\" } }";

/// Everything about memory and endpoints.
pub(crate) async fn endpoints(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Memory and endpoints",
        &["bodies", "endpoints", "deliveries", "deliveries/s", "idle MB", "peak MB", "rested MB"],
    );
    table.row(large(world).await?);
    for (name, settings) in [("shared", ""), ("of its own", OWN_BODIES)] {
        for count in [1, 10, 100, 1_000] {
            let mut cells = vec![name.to_owned(), count.to_string()];
            cells.extend(burst(world, count, settings).await?);
            table.row(cells);
        }
    }
    table.print();
    Ok(())
}

/// Rows come faster than they can be delivered.
async fn burst(world: &World, count: usize, settings: &str) -> Result<Vec<String>, Failed> {
    let kind = world.walhook_with(count, settings);
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let load = Load::open(&site, 2, Commits::Loose).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.until_quiet(consumer.pid).await;
    let (idle, _) = resident_mb(consumer.pid).unwrap_or_default();
    world.sink.reset(false);
    let rows = world.arguments.rows.div_ceil(count as u64);
    let deliveries = rows * count as u64;
    load.burst(rows, 1).await?;
    let what = format!("memory, {count} endpoints");
    if !world.sink.wait(deliveries, PATIENCE).await {
        world.odd(format!("{what}: stalled at {} of {deliveries}", world.sink.unique()));
    }
    world.until_quiet(consumer.pid).await;
    let tally = world.sink.tally();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (rested, peak) = resident_mb(consumer.pid).unwrap_or_default();
    let parked: i64 =
        site.ask("select pg_stat_get_tuples_inserted('walhook.pending'::regclass)").await?;
    if parked > 0 || tally.repeated > 0 {
        world.odd(format!("{what}: {parked} parked, {} repeated", tally.repeated));
    }
    drop(load);
    world.clear(&what, consumer, site).await?;
    let rate = tally.unique as f64 / tally.span.as_secs_f64();
    Ok([deliveries as f64, rate, idle, peak, rested].map(whole).to_vec())
}

/// After a restart every lane has a large body to read back.
async fn large(world: &World) -> Result<Vec<String>, Failed> {
    let (count, bytes) = LARGE;
    let kind = world.walhook(count);
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    // The daemon registers its endpoints when it first runs.
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.until_quiet(consumer.pid).await;
    consumer.stop().await?;
    let filled = site.client.execute(include_str!("sql/fill_large.sql"), &[&bytes]).await?;
    if filled != count as u64 {
        return Err(format!("{filled} of {count} endpoints were registered").into());
    }
    world.sink.reset(false);
    let consumer = kind.start(&site, &world.sink)?;
    let what = "memory, large bodies";
    if !world.sink.wait(count as u64, PATIENCE).await {
        world.odd(format!("{what}: stalled at {} of {count}", world.sink.unique()));
    }
    world.until_quiet(consumer.pid).await;
    let tally = world.sink.tally();
    let (rested, peak) = resident_mb(consumer.pid).unwrap_or_default();
    world.clear(what, consumer, site).await?;
    let rate = tally.unique as f64 / tally.span.as_secs_f64();
    let cells = ["8 MB, from the queue".to_owned(), count.to_string(), whole(count as f64)];
    let figures = [whole(rate), String::new(), whole(peak), whole(rested)];
    Ok(cells.into_iter().chain(figures).collect())
}
