//! What a pause of five seconds does, of the receiver or of the log, while rows come at full
//! rate: when deliveries are back in memory, and whether any is left behind.

use std::time::{Duration, Instant};

use crate::Failed;
use crate::load::{Commits, Load};
use crate::site::{self, Site};
use crate::table::{Table, fine, whole};
use crate::world::{PATIENCE, World};

const LENGTH: Duration = Duration::from_secs(5);

/// Who pauses.
#[derive(Clone, Copy)]
enum Pause {
    /// The receiver takes requests and does not answer.
    Receiver,
    /// The log's transactions wait for a lock.
    Log,
}

/// Both pauses, with one endpoint and with ten.
pub(crate) async fn outage(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Five seconds without",
        &[
            "without",
            "endpoints",
            "deliveries",
            "parked",
            "queue empty after s",
            "last delivery after s",
            "peak RSS MB",
            "left behind",
        ],
    );
    for (pause, name) in [(Pause::Receiver, "the receiver"), (Pause::Log, "the log")] {
        for endpoints in [1, 10] {
            let mut cells = vec![name.to_owned(), endpoints.to_string()];
            cells.extend(row(world, endpoints, pause).await?);
            table.row(cells);
        }
    }
    table.print();
    Ok(())
}

async fn row(world: &World, endpoints: usize, pause: Pause) -> Result<Vec<String>, Failed> {
    let kind = world.walhook(endpoints);
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    let load = Load::open(&site, 4, Commits::Loose).await?;
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.sink.reset(false);
    let rows = world.arguments.rows / endpoints as u64;
    let deliveries = rows * endpoints as u64;
    let (loaded, ended) = tokio::join!(
        load.burst(rows, 1),
        Box::pin(interrupt(world, &site, (deliveries / 4, pause)))
    );
    loaded?;
    let (ended, emptied) = ended?;
    let arrived = world.sink.wait(deliveries, PATIENCE / 3).await;
    let last = ended.elapsed();
    let tally = world.sink.tally();
    let left = deliveries - tally.unique;
    let what = format!("outage, {endpoints} endpoints");
    if !arrived {
        let stuck = "select coalesce(string_agg(state || ' ' || n, ', '), 'none') from (select \
                     state, count(*) as n from walhook.pending group by state) as s";
        let stuck: String = site.ask(stuck).await?;
        world.odd(format!("{what}: {left} of {deliveries} did not come; in the queue: {stuck}"));
    }
    let parked: i64 =
        site.ask("select pg_stat_get_tuples_inserted('walhook.pending'::regclass)").await?;
    let peak = crate::measure::resident_mb(consumer.pid).map_or(f64::NAN, |(_, peak)| peak);
    drop(load);
    world.clear(&what, consumer, site).await?;
    Ok(vec![
        whole(deliveries as f64),
        whole(parked as f64),
        emptied.map_or("over 30".to_owned(), |taken| fine(taken.as_secs_f64())),
        if arrived { fine(last.as_secs_f64()) } else { "over 30".to_owned() },
        whole(peak),
        whole(left as f64),
    ])
}

/// Interrupts after `at` deliveries; returns when the pause ended, and how soon after that the
/// queue was empty.
async fn interrupt(
    world: &World,
    site: &Site,
    (at, pause): (u64, Pause),
) -> Result<(Instant, Option<Duration>), Failed> {
    world.sink.wait(at, PATIENCE).await;
    let locker = site::connect(&site.url).await?;
    match pause {
        Pause::Receiver => world.sink.hold(true),
        Pause::Log => {
            let lock = "begin; lock table walhook.checkpoint in access exclusive mode";
            locker.batch_execute(lock).await?;
        }
    }
    tokio::time::sleep(LENGTH).await;
    match pause {
        Pause::Receiver => world.sink.hold(false),
        Pause::Log => locker.batch_execute("rollback").await?,
    }
    let ended = Instant::now();
    while ended.elapsed() < PATIENCE / 3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if !site.ask("select exists (select from walhook.pending)").await? {
            return Ok((ended, Some(ended.elapsed())));
        }
    }
    Ok((ended, None))
}
