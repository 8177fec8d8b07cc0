//! Inbound: signed events of 1 KB, verified and committed, beside a small Node server.

use std::net::TcpListener;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::Command;

use crate::Failed;
use crate::consumer::Consumer;
use crate::measure;
use crate::poster::{self, Answers};
use crate::site::Site;
use crate::table::{Table, fine, whole};
use crate::world::World;

const SECRET: &str = "whsec_YmVuY2hiZW5jaGJlbmNoYmVuY2g=";
const CONNECTIONS: [usize; 2] = [64, 8];
/// Connections, plans and compiled code are there before it counts.
const WARM: u64 = 2_000;

/// Who receives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    Walhook,
    Node,
}

/// Events a second, latency and cost.
pub(crate) async fn inbound(world: &World) -> Result<(), Failed> {
    let mut table = Table::new(
        "Inbound: verified and committed events of 1 KB",
        &[
            "received by",
            "connections",
            "events/s",
            "p50 ms",
            "p99 ms",
            "CPU s/10k",
            "PostgreSQL CPU s/10k",
            "sender CPU s/10k",
            "WAL bytes/event",
            "RSS MB",
        ],
    );
    for connections in CONNECTIONS {
        table.row(row(world, Receiver::Walhook, connections).await?);
        if world.rival().is_some() {
            table.row(row(world, Receiver::Node, connections).await?);
        }
    }
    table.print();
    Ok(())
}

async fn row(world: &World, receiver: Receiver, connections: usize) -> Result<Vec<String>, Failed> {
    let site = world.site(1).await?;
    let port = free_port()?;
    let (name, consumer) = start(world, receiver, &site, port).await?;
    let what = format!("inbound, {name}, {connections} connections");
    let events = world.arguments.rows / 4;
    poster::post(port, SECRET, (0, WARM), connections).await?;
    world.checkpoint().await?;
    let meter = world.meter(Some(consumer.pid)).await?;
    let answers = poster::post(port, SECRET, (WARM, events), connections).await?;
    let cost = meter.end(&world.admin, None).await?;
    if answers.refused > 0 {
        world.odd(format!("{what}: {} posts were not answered with 200", answers.refused));
    }
    let stored = match receiver {
        Receiver::Walhook => "select count(*) from walhook.inbound_event",
        Receiver::Node => "select count(*) from rival_event",
    };
    let stored: i64 = site.ask(stored).await?;
    if stored != (WARM + events) as i64 {
        world.odd(format!("{what}: {stored} rows of {}", WARM + events));
    }
    let resident = measure::resident_mb(consumer.pid).map_or(f64::NAN, |(_, peak)| peak);
    match receiver {
        Receiver::Walhook => world.clear(&what, consumer, site).await?,
        Receiver::Node => {
            drop(consumer);
            site.drop(&world.admin).await?;
        }
    }
    let Answers { milliseconds, elapsed, sender_seconds, .. } = answers;
    let at = |share: f64| {
        let place = (milliseconds.len() as f64 * share) as usize;
        fine(milliseconds.get(place).copied().unwrap_or(f64::NAN))
    };
    let each = |total: f64| total / events as f64;
    Ok(vec![
        name.to_owned(),
        connections.to_string(),
        whole(events as f64 / elapsed.as_secs_f64()),
        at(0.5),
        at(0.99),
        fine(each(cost.consumer_seconds) * 1e4),
        fine(each(cost.postgres_seconds) * 1e4),
        fine(each(sender_seconds) * 1e4),
        whole(each(cost.wal_bytes)),
        fine(resident),
    ])
}

async fn start(
    world: &World,
    receiver: Receiver,
    site: &Site,
    port: u16,
) -> Result<(&'static str, Consumer), Failed> {
    let (name, consumer) = match receiver {
        Receiver::Walhook => {
            let settings = format!(
                "[inbound]\nlisten = \"127.0.0.1:{port}\"\n\
                 [inbound.sources.stripe]\npreset = \"stripe\"\nsecrets = [\"file:secret\"]\n"
            );
            let kind = world.walhook_with(1, &settings);
            kind.prepare(site, &world.sink).await?;
            ("walhook", kind.start(site, &world.sink)?)
        }
        Receiver::Node => {
            let script = world.arguments.out.join("node/inbound_rival.mjs");
            std::fs::write(&script, include_str!("inbound_rival.mjs"))?;
            let mut command = Command::new("node");
            command.arg(script.canonicalize()?).arg(port.to_string()).args([&site.url, SECRET]);
            ("Node", Consumer::spawn(command, site.home.path().join("node.log"))?)
        }
    };
    listens(port).await?;
    Ok((name, consumer))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn listens(port: u16) -> Result<(), Failed> {
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("the receiver does not listen".into())
}
