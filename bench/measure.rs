//! What a stretch of work cost: processor time and memory from `/proc`, WAL from the server.

use std::fs;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::Failed;

/// Ticks of a second in `/proc`; the kernel shows user space this rate whatever its own is.
const TICKS: f64 = 100.0;

/// What was spent between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Processor seconds of the consumer.
    pub(crate) consumer_seconds: f64,
    /// Processor seconds of all server processes.
    pub(crate) postgres_seconds: f64,
    /// WAL written.
    pub(crate) wal_bytes: f64,
    /// Time that passed.
    pub(crate) elapsed: Duration,
}

/// The first of the two moments.
pub(crate) struct Meter {
    consumer: Option<u32>,
    postmaster: u32,
    begun: Instant,
    at_begin: Cost,
}

impl Meter {
    /// Begins. A consumer that starts later is given at the end.
    pub(crate) async fn begin(
        client: &Client,
        postmaster: u32,
        consumer: Option<u32>,
    ) -> Result<Self, Failed> {
        let at_begin = reading(client, postmaster, consumer).await?;
        Ok(Self { consumer, postmaster, begun: Instant::now(), at_begin })
    }

    /// Ends; `consumer` if it was not known at the begin.
    pub(crate) async fn end(&self, client: &Client, consumer: Option<u32>) -> Result<Cost, Failed> {
        let at_end = reading(client, self.postmaster, consumer.or(self.consumer)).await?;
        Ok(Cost {
            consumer_seconds: at_end.consumer_seconds - self.at_begin.consumer_seconds,
            postgres_seconds: at_end.postgres_seconds - self.at_begin.postgres_seconds,
            wal_bytes: at_end.wal_bytes - self.at_begin.wal_bytes,
            elapsed: self.begun.elapsed(),
        })
    }
}

async fn reading(client: &Client, postmaster: u32, consumer: Option<u32>) -> Result<Cost, Failed> {
    let wal = client.query_one("select (pg_current_wal_insert_lsn() - '0/0')::float8", &[]).await?;
    Ok(Cost {
        consumer_seconds: consumer.and_then(process_seconds).unwrap_or(0.0),
        postgres_seconds: family_seconds(postmaster),
        wal_bytes: wal.get(0),
        elapsed: Duration::ZERO,
    })
}

/// Waits until the process and the server do nothing for a while: what had to be written is
/// written. Either may wait for the other, so both must be quiet.
pub(crate) async fn until_quiet(pid: u32, postmaster: u32) -> Duration {
    const WINDOW: Duration = Duration::from_millis(150);
    let begun = Instant::now();
    let both = || process_seconds(pid).map(|own| own + family_seconds(postmaster));
    let mut before = both();
    while begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(WINDOW).await;
        let now = both();
        // A tick of each may fall into any window.
        if now.zip(before).is_none_or(|(now, before)| now - before < 2.5 / TICKS) {
            break;
        }
        before = now;
    }
    begun.elapsed()
}

/// Resident memory of a process: now, and at its highest, in MB.
pub(crate) fn resident_mb(pid: u32) -> Option<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb / 1024.0)
    };
    Some((of("VmRSS:")?, of("VmHWM:")?))
}

/// Processor seconds of one process.
pub(crate) fn process_seconds(pid: u32) -> Option<f64> {
    stat(pid).map(|stat| stat.own)
}

/// Of a process, its children, and those children that have ended.
fn family_seconds(pid: u32) -> f64 {
    let own = stat(pid).map_or(0.0, |stat| stat.own + stat.ended_children);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    own + pids.filter_map(stat).filter(|stat| stat.parent == pid).map(|stat| stat.own).sum::<f64>()
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted behind it; the state is 0.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (number(11)? + number(12)?) / TICKS,
        ended_children: (number(13)? + number(14)?) / TICKS,
    })
}

/// Which program was measured: an old binary must not pass for a new one.
pub(crate) fn program(path: &std::path::Path) -> String {
    let built = fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let age = built.and_then(|built| built.elapsed().ok()).map_or(0, |age| age.as_secs() / 60);
    format!("{}, built {age} minutes ago", path.display())
}

/// Processor, kernel, and how many cores there are.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |m| m.trim_start_matches([':', ' ', '\t']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, {model}, Linux {}", kernel.trim())
}

/// Load average of the last minute.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
