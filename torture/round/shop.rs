//! The application: several writers that commit, roll back and lose their connections, while a
//! journal in their own transactions tells what was committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};
use walhook::shutdown::Shutdown;

use super::dice::Dice;

/// Tables, how many keys they have, and how often they are written to.
const PLACES: [(&str, u64, u64); 3] = [("hot", 15, 50), ("cold", 3000, 30), ("plain", 400, 20)];

/// What is captured.
pub const TABLES: [&str; 4] = ["shop.hot", "shop.cold", "shop.plain", "shop.bulk"];

/// Makes the application's tables and the journal.
pub const SCHEMA: &str = include_str!("sql/schema.sql");

const ACT: &str = include_str!("sql/act.sql");

/// One change, or one step around changes.
enum Step {
    Act { place: &'static str, deed: &'static str, at: i64, other: i64, size: i32 },
    Savepoint,
    RollBackToSavepoint,
}

/// One transaction as it is meant.
struct Transaction {
    steps: Vec<Step>,
    commits: bool,
    /// Whether the application does not wait for the disk.
    is_loose: bool,
}

/// How transactions ended, as far as the writers know.
#[derive(Debug, Default)]
pub struct Tally {
    /// Committed.
    pub committed: AtomicU64,
    /// Rolled back on purpose.
    pub rolled_back: AtomicU64,
    /// Ended by an error, with an unknown end.
    pub broken: AtomicU64,
}

/// The writers at work; they end when told to stop, or with this.
pub struct Shop {
    writers: JoinSet<()>,
    /// How it went.
    pub tally: Arc<Tally>,
}

impl Shop {
    /// Opens with `writers` sessions that make about `rate` changes a second together.
    pub fn open(url: &str, dice: &Dice, (writers, rate): (u64, u64), stop: &Shutdown) -> Self {
        let tally = Arc::<Tally>::default();
        let mut tasks = JoinSet::new();
        for number in 0..writers {
            let dice = dice.for_whom(&format!("writer {number}"));
            let writer = Writer { url: url.to_owned(), dice, tally: Arc::clone(&tally) };
            tasks.spawn(writer.write(rate / writers, stop.clone()));
        }
        Self { writers: tasks, tally }
    }

    /// Waits until the writers have stopped.
    pub async fn closed(&mut self) {
        while let Some(ended) = self.writers.join_next().await {
            ended.expect("a writer does not panic");
        }
    }
}

struct Writer {
    url: String,
    dice: Dice,
    tally: Arc<Tally>,
}

impl Writer {
    async fn write(mut self, rate: u64, mut stop: Shutdown) {
        let mut client = None;
        loop {
            let transaction = self.next_transaction();
            let pause = transaction.steps.len() as u64 * 1000 / rate.max(1);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                () = stop.stopped() => return,
            }
            let written = async {
                let client = match client.take().filter(|client: &Client| !client.is_closed()) {
                    Some(client) => client,
                    None => connect(&self.url).await?,
                };
                transaction.run(&client).await?;
                Ok::<_, tokio_postgres::Error>(client)
            };
            let count = match written.await {
                Ok(still_good) => {
                    client = Some(still_good);
                    let Tally { committed, rolled_back, .. } = &*self.tally;
                    if transaction.commits { committed } else { rolled_back }
                }
                Err(_) => &self.tally.broken,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next_transaction(&mut self) -> Transaction {
        let dice = &mut self.dice;
        let count = if dice.chance(60) { 1 } else { dice.between(2, 12) };
        let mut steps: Vec<Step> = (0..count).map(|_| act(dice)).collect();
        // In one order everywhere, so that writers wait for each other and never in a circle.
        steps.sort_by_key(|step| match step {
            Step::Act { place, at, .. } => (*place, *at),
            Step::Savepoint | Step::RollBackToSavepoint => ("", 0),
        });
        if dice.chance(15) {
            let from = dice.below(count) as usize;
            let to = dice.between(from as u64, count) as usize;
            steps.insert(to, Step::RollBackToSavepoint);
            steps.insert(from, Step::Savepoint);
        }
        Transaction { steps, commits: !dice.chance(10), is_loose: dice.chance(10) }
    }
}

fn act(dice: &mut Dice) -> Step {
    let mut share = dice.below(100);
    let (place, keys, _) = PLACES
        .into_iter()
        .find(|(.., often)| {
            let is_it = share < *often;
            share = share.saturating_sub(*often);
            is_it
        })
        .expect("they make a hundred");
    let (at, away) = (dice.below(keys) as i64, dice.between(1, keys) as i64);
    // A table of default identity does not say which row was deleted, only its key.
    let deed = match dice.below(100) {
        0..60 => "put",
        60..75 => "touch",
        75..85 if place != "plain" => "delete",
        85..95 => "move",
        95..98 => "emit",
        _ => "put",
    };
    let size = match dice.below(1000) {
        0 => dice.between(100_000, 900_000),
        1..20 => dice.between(2_000, 20_000),
        _ => dice.between(0, 400),
    };
    Step::Act { place, deed, at, other: at + away, size: size as i32 }
}

impl Transaction {
    async fn run(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let act = client.prepare(ACT).await?;
        client.batch_execute("begin").await?;
        if self.is_loose {
            client.batch_execute("set local synchronous_commit = off").await?;
        }
        for step in &self.steps {
            match step {
                Step::Act { place, deed, at, other, size } => {
                    client.execute(&act, &[place, deed, at, other, size]).await?;
                }
                Step::Savepoint => client.batch_execute("savepoint here").await?,
                Step::RollBackToSavepoint => {
                    client.batch_execute("rollback to savepoint here").await?;
                }
            }
        }
        client.batch_execute(if self.commits { "commit" } else { "rollback" }).await
    }
}

/// Opens a session; it ends when the client is dropped.
pub async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        // Its end shows in the client's next call.
        let _ = connection.await;
    });
    Ok(client)
}

/// A line of the journal.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The table, or `emit`.
    pub place: String,
    /// The row's key and its version; none for a custom event.
    pub key: Option<(i64, i64)>,
    /// The same of what it was before the update, where the key changed.
    pub former: Option<(i64, i64)>,
    /// Digest of the row's filling.
    pub filling: Option<String>,
}

/// Everything that was committed, by operation and tag.
pub type Journal = HashMap<(String, i64), Committed>;

/// Reads the journal.
pub async fn journal(client: &Client) -> Result<Journal, tokio_postgres::Error> {
    let rows = client.query(include_str!("sql/journal.sql"), &[]).await?;
    let pair = |row: &tokio_postgres::Row, at: usize| {
        Some((row.get::<_, Option<i64>>(at)?, row.get(at + 1)))
    };
    let line = |row: &tokio_postgres::Row| {
        let committed = Committed {
            place: row.get(1),
            key: pair(row, 3),
            former: pair(row, 5),
            filling: row.get(7),
        };
        ((row.get(0), row.get(2)), committed)
    };
    Ok(rows.iter().map(line).collect())
}
