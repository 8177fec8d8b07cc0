//! Cost of a delivery against what may grow: the log, the queue, endpoints, models.
//!
//! Each point is a backlog drained. CSV and plot go to `--out`.

use std::fmt::Write as _;
use std::time::Instant;

use crate::Failed;
use crate::load::{Commits, Load};
use crate::plot::Plot;
use crate::site::Site;
use crate::table::{Table, fine, whole};
use crate::throughput::{Run, drain_site};
use crate::world::{PATIENCE, World};

/// Rows filled at a time.
const PIECE: u64 = 500_000;

/// One point: how large, and what the drain says.
type Point = (u64, Run);

/// Against rows in the log.
pub(crate) async fn log(world: &World) -> Result<(), Failed> {
    let most = world.arguments.log_rows;
    let mut points = Vec::new();
    for size in [0, most / 100, most / 10, most] {
        points.push((size, filled(world, include_str!("sql/fill_log.sql"), size).await?));
    }
    tell(world, "rows in the log", "log", &points)
}

/// Against deliveries of the same endpoint that wait for a retry.
pub(crate) async fn pending(world: &World) -> Result<(), Failed> {
    let most = world.arguments.large;
    let mut points = Vec::new();
    for size in [0, most / 100, most / 10, most] {
        points.push((size, filled(world, include_str!("sql/fill_pending.sql"), size).await?));
    }
    tell(world, "deliveries waiting for a retry", "pending", &points)
}

/// Against endpoints that all want everything.
pub(crate) async fn endpoints(world: &World) -> Result<(), Failed> {
    let mut points = Vec::new();
    for count in [1, 10, 100, 1_000] {
        let kind = world.walhook(count);
        let site = world.site(1).await?;
        kind.prepare(&site, &world.sink).await?;
        let rows = (world.arguments.rows / count as u64).max(1);
        load(&site, rows).await?;
        let what = format!("growth, {count} endpoints");
        points.push((count as u64, drain_site(world, kind, site, (rows, &what)).await?));
    }
    tell(world, "endpoints", "endpoints", &points)
}

/// Against tables, each a model, whose rows come by turns.
pub(crate) async fn models(world: &World) -> Result<(), Failed> {
    let mut points = Vec::new();
    for count in [1, 10, 100, 500] {
        let kind = world.walhook(1);
        let site = world.site(count).await?;
        kind.prepare(&site, &world.sink).await?;
        load(&site, world.arguments.rows).await?;
        let what = format!("growth, {count} models");
        let rows = world.arguments.rows;
        points.push((count as u64, drain_site(world, kind, site, (rows, &what)).await?));
    }
    tell(world, "models", "models", &points)
}

pub(crate) async fn load(site: &Site, rows: u64) -> Result<(), Failed> {
    Load::open(site, 2, Commits::Loose).await?.burst(rows, 1).await?;
    Ok(())
}

/// One statement for ten million rows would tell nobody how far it is.
pub(crate) async fn fill_by_pieces(site: &Site, fill: &str, size: u64) -> Result<(), Failed> {
    site.client.batch_execute("set synchronous_commit = off").await?;
    let begun = Instant::now();
    for first in (1..=size).step_by(PIECE as usize) {
        let count = PIECE.min(size + 1 - first);
        site.client.execute(fill, &[&(first as i64), &(count as i64), &(size as i64)]).await?;
        let filled = first + count - 1;
        eprintln!("bench: {filled} of {size} rows filled, {:.0} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

async fn filled(world: &World, fill: &str, size: u64) -> Result<Run, Failed> {
    let kind = world.walhook(1);
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    // The daemon registers its endpoint when it first runs, and only a checkpoint after a delivery
    // says from where on a restart must look into the log.
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.sink.reset(false);
    load(&site, 1).await?;
    world.sink.wait(1, PATIENCE).await;
    consumer.stop().await?;
    site.client.batch_execute("delete from walhook.attempt").await?;
    fill_by_pieces(&site, fill, size).await?;
    site.client.batch_execute("vacuum (analyze) walhook.attempt, walhook.pending").await?;
    world.until_vacuumed().await?;
    load(&site, world.arguments.rows).await?;
    let what = format!("growth, {size} rows");
    drain_site(world, kind, site, (world.arguments.rows, &what)).await
}

fn tell(world: &World, axis: &'static str, file: &str, points: &[Point]) -> Result<(), Failed> {
    let mut table = Table::new(
        axis,
        &[
            "size",
            "deliveries/s",
            "daemon CPU s/10k",
            "PostgreSQL CPU s/10k",
            "WAL B/delivery",
            "peak RSS MB",
        ],
    );
    let mut csv = String::from(
        "size,deliveries_per_second,daemon_cpu_s_per_10k,postgres_cpu_s_per_10k,\
                                wal_bytes_per_delivery,peak_rss_mb\n",
    );
    let mut plot = Plot::new(axis, "CPU seconds per 10,000 deliveries", ["daemon", "PostgreSQL"]);
    for (size, run) in points {
        let per_10k = 10_000.0 / run.deliveries;
        let cost = &run.cost;
        let (daemon, postgres) = (cost.consumer_seconds * per_10k, cost.postgres_seconds * per_10k);
        let wal = cost.wal_bytes / run.deliveries;
        table.row([
            whole(*size as f64),
            whole(run.rate),
            fine(daemon),
            fine(postgres),
            whole(wal),
            whole(run.peak_mb),
        ]);
        writeln!(
            csv,
            "{size},{:.0},{daemon:.3},{postgres:.3},{wal:.0},{:.0}",
            run.rate, run.peak_mb
        )?;
        plot.point(*size as f64, [daemon, postgres]);
    }
    table.print();
    let out = &world.arguments.out;
    std::fs::write(out.join(format!("growth-{file}.csv")), csv)?;
    std::fs::write(out.join(format!("growth-{file}.svg")), plot.svg())?;
    Ok(())
}
