//! Deliveries a second: a backlog drained, and while the inserts run.

use std::time::{Duration, Instant};

use crate::Failed;
use crate::consumer::Kind;
use crate::load::{Commits, Load};
use crate::measure::{self, Cost};
use crate::table::{Table, fine, whole};
use crate::world::{PATIENCE, World};

/// Sessions of the application.
const SESSIONS: usize = 4;

/// A run's figures.
pub(crate) struct Run {
    /// Deliveries that arrived.
    pub(crate) deliveries: f64,
    /// Deliveries a second.
    pub(crate) rate: f64,
    /// What it cost.
    pub(crate) cost: Cost,
    /// Highest resident memory of the consumer.
    pub(crate) peak_mb: f64,
    /// Mean size of a body.
    pub(crate) body_bytes: f64,
    /// From the last receipt until the consumer had nothing more to do.
    pub(crate) settling: Duration,
}

/// Rows committed while nobody listens, then drained.
pub(crate) async fn backlog(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Backlog",
        &[
            "backlog drained by",
            "endpoints",
            "rows/transaction",
            "deliveries/s",
            "consumer CPU s/10k",
            "PostgreSQL CPU s/10k",
            "WAL B/delivery",
            "body B",
            "peak RSS MB",
            "settled after ms",
        ],
    );
    for rows_each in [1, 10] {
        for kind in [world.walhook(1), world.walhook(10)].into_iter().chain(world.rival()) {
            let run = drain(world, kind, rows_each).await?;
            let per_10k = 10_000.0 / run.deliveries;
            table.row([
                kind.name().to_owned(),
                kind.endpoints().to_string(),
                rows_each.to_string(),
                whole(run.rate),
                fine(run.cost.consumer_seconds * per_10k),
                fine(run.cost.postgres_seconds * per_10k),
                whole(run.cost.wal_bytes / run.deliveries),
                whole(run.body_bytes),
                whole(run.peak_mb),
                whole(run.settling.as_secs_f64() * 1e3),
            ]);
        }
    }
    table.print();
    Ok(())
}

/// Rows that make as many deliveries as wanted of this consumer.
fn rows_for(world: &World, kind: Kind<'_>) -> u64 {
    match kind {
        Kind::Walhook { endpoints, .. } => world.arguments.rows / endpoints as u64,
        Kind::Node(_) => world.arguments.rows / 4,
    }
}

async fn drain(world: &World, kind: Kind<'_>, rows_each: u64) -> Result<Run, Failed> {
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let rows = rows_for(world, kind);
    Load::open(&site, 2, Commits::Loose).await?.burst(rows, rows_each).await?;
    let what =
        format!("backlog, {}, {} endpoints, {rows_each} rows", kind.name(), kind.endpoints());
    drain_site(world, kind, site, (rows, &what)).await
}

/// Drains what was committed at `site`: `rows` rows to all endpoints; then drops the site.
pub(crate) async fn drain_site(
    world: &World,
    kind: Kind<'_>,
    site: crate::site::Site,
    (rows, what): (u64, &str),
) -> Result<Run, Failed> {
    world.checkpoint().await?;
    world.sink.reset(false);
    let meter = world.meter(None).await?;
    let consumer = kind.start(&site, &world.sink)?;
    let deliveries = rows * kind.endpoints() as u64;
    let run = finish(world, what, deliveries, &meter, consumer.pid).await?;
    verify_log(world, &site, what, deliveries).await?;
    world.clear(what, consumer, site).await?;
    Ok(run)
}

async fn finish(
    world: &World,
    what: &str,
    deliveries: u64,
    meter: &measure::Meter,
    pid: u32,
) -> Result<Run, Failed> {
    if !world.sink.wait(deliveries, PATIENCE).await {
        world.odd(format!("{what}: stalled at {} of {deliveries}", world.sink.unique()));
    }
    let settling = world.until_quiet(pid).await;
    let cost = meter.end(&world.admin, Some(pid)).await?;
    let tally = world.sink.tally();
    if tally.repeated + tally.strange > 0 {
        world.odd(format!("{what}: {} repeated, {} strange", tally.repeated, tally.strange));
    }
    Ok(Run {
        deliveries: tally.unique as f64,
        rate: tally.unique as f64 / tally.span.as_secs_f64(),
        cost,
        peak_mb: measure::resident_mb(pid).map_or(f64::NAN, |(_, peak)| peak),
        body_bytes: tally.bytes as f64 / tally.unique as f64,
        settling,
    })
}

/// Every delivery is in walhook's log, once.
async fn verify_log(
    world: &World,
    site: &crate::site::Site,
    what: &str,
    deliveries: u64,
) -> Result<(), Failed> {
    if !site.ask::<bool>("select to_regclass('walhook.attempt') is not null").await? {
        return Ok(());
    }
    let sql = "select count(*) from walhook.attempt where outcome = 'success' \
               and commit_lsn > '0/1' and event_type like '%.created'";
    let begun = Instant::now();
    let mut logged: i64 = site.ask(sql).await?;
    let at_once = logged;
    while (logged as u64) < deliveries && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(250)).await;
        logged = site.ask(sql).await?;
    }
    if at_once as u64 != deliveries {
        let taken = begun.elapsed();
        world.odd(format!(
            "{what}: {at_once} of {deliveries} in the log, and {logged} after {taken:.1?}"
        ));
    }
    let again = "select count(*) from walhook.attempt where attempt > 1 or outcome <> 'success'";
    let parked = "select coalesce(pg_stat_get_tuples_inserted('walhook.pending'::regclass), 0)";
    let (again, parked): (i64, i64) = (site.ask(again).await?, site.ask(parked).await?);
    if again + parked > 0 {
        world.odd(format!("{what}: {again} further attempts, {parked} deliveries parked"));
    }
    Ok(())
}

/// Deliveries while the inserts run on the same cores, faster than a consumer can follow.
pub(crate) async fn live(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Live",
        &[
            "live beside the inserts",
            "endpoints",
            "rows/transaction",
            "inserts/s",
            "deliveries/s during inserts",
            "deliveries/s until the last",
            "consumer CPU s/10k",
            "PostgreSQL CPU s/10k above base",
            "WAL B/delivery above base",
            "peak RSS MB",
        ],
    );
    for rows_each in [1, 10] {
        for kind in [world.walhook(1), world.walhook(10)].into_iter().chain(world.rival()) {
            let rows = rows_for(world, kind);
            let (base, base_rate) = base(world, rows, rows_each).await?;
            if matches!(kind, Kind::Walhook { endpoints: 1, .. }) {
                table.row([
                    "nobody".to_owned(),
                    "0".to_owned(),
                    rows_each.to_string(),
                    whole(base_rate),
                ]);
            }
            table.row(live_row(world, kind, (rows, rows_each), &base).await?);
        }
    }
    table.print();
    Ok(())
}

/// The same inserts with no consumer: what they cost, and how many a second.
async fn base(world: &World, rows: u64, rows_each: u64) -> Result<(Cost, f64), Failed> {
    let site = world.site(1).await?;
    let load = Load::open(&site, SESSIONS, Commits::Loose).await?;
    world.checkpoint().await?;
    let meter = world.meter(None).await?;
    let taken = load.burst(rows, rows_each).await?;
    let cost = meter.end(&world.admin, None).await?;
    drop(load);
    site.drop(&world.admin).await?;
    Ok((cost, rows as f64 / taken.as_secs_f64()))
}

async fn live_row(
    world: &World,
    kind: Kind<'_>,
    (rows, rows_each): (u64, u64),
    base: &Cost,
) -> Result<Vec<String>, Failed> {
    let what = format!("live, {}, {} endpoints, {rows_each} rows", kind.name(), kind.endpoints());
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let load = Load::open(&site, SESSIONS, Commits::Loose).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.checkpoint().await?;
    world.until_quiet(consumer.pid).await;
    world.sink.reset(false);
    let meter = world.meter(Some(consumer.pid)).await?;
    let taken = load.burst(rows, rows_each).await?;
    let meanwhile = world.sink.unique();
    let deliveries = rows * kind.endpoints() as u64;
    let run = finish(world, &what, deliveries, &meter, consumer.pid).await?;
    let elapsed = run.cost.elapsed - run.settling;
    let per_10k = 10_000.0 / run.deliveries;
    verify_log(world, &site, &what, deliveries).await?;
    drop(load);
    world.clear(&what, consumer, site).await?;
    Ok(vec![
        kind.name().to_owned(),
        kind.endpoints().to_string(),
        rows_each.to_string(),
        whole(rows as f64 / taken.as_secs_f64()),
        whole(meanwhile as f64 / taken.as_secs_f64()),
        whole(run.deliveries / elapsed.as_secs_f64()),
        fine(run.cost.consumer_seconds * per_10k),
        fine((run.cost.postgres_seconds - base.postgres_seconds) * per_10k),
        whole((run.cost.wal_bytes - base.wal_bytes) / run.deliveries),
        whole(run.peak_mb),
    ])
}
