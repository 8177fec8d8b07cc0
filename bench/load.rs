//! The application: inserts rows into the workload's table, over a few sessions.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::Failed;
use crate::site::{self, Site};

/// Statements sent ahead in each session where the answers do not matter: the generator shares
/// the cores with what is measured, so it must not wake up for each row.
const AHEAD: usize = 64;

/// Sessions that insert.
pub(crate) struct Load {
    sessions: Vec<Session>,
    next_row: Cell<u64>,
    next_table: Cell<usize>,
}

struct Session {
    client: Client,
    /// One for each table.
    inserts: Vec<Statement>,
}

/// Whether the application waits for its commits to be on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commits {
    /// As applications do.
    Durable,
    /// Faster than a consumer can be, to be ahead of it.
    Loose,
}

impl Load {
    /// Opens `count` sessions, which insert into the site's tables by turns.
    pub(crate) async fn open(site: &Site, count: usize, commits: Commits) -> Result<Self, Failed> {
        let mut sessions = Vec::new();
        for _ in 0..count {
            let client = site::connect(&site.url).await?;
            if commits == Commits::Loose {
                client.batch_execute("set synchronous_commit = off").await?;
            }
            let mut inserts = Vec::new();
            for table in site.tables() {
                let sql = include_str!("sql/insert.sql").replace("%TABLE%", &table);
                inserts.push(client.prepare(&sql).await?);
            }
            sessions.push(Session { client, inserts });
        }
        Ok(Self { sessions, next_row: Cell::new(0), next_table: Cell::new(0) })
    }

    /// Inserts `rows` as fast as it goes, `rows_each` in a transaction.
    pub(crate) async fn burst(&self, rows: u64, rows_each: u64) -> Result<Duration, Failed> {
        self.burst_ahead(rows, rows_each, AHEAD).await
    }

    /// The same, where each session waits for each answer.
    pub(crate) async fn burst_waiting(&self, rows: u64) -> Result<Duration, Failed> {
        self.burst_ahead(rows, 1, 1).await
    }

    async fn burst_ahead(
        &self,
        rows: u64,
        rows_each: u64,
        ahead: usize,
    ) -> Result<Duration, Failed> {
        let begun = Instant::now();
        let share = rows / rows_each / self.sessions.len() as u64;
        let bursts = self.sessions.iter().map(|session| {
            let inserts = stream::iter((0..share).map(|_| self.insert(session, rows_each)));
            inserts.buffered(ahead).fold(Ok(()), async |so_far, one| so_far.and(one))
        });
        for ended in futures_util::future::join_all(bursts).await {
            ended?;
        }
        let rest = rows - share * rows_each * self.sessions.len() as u64;
        if rest > 0 {
            self.insert(&self.sessions[0], rest).await?;
        }
        Ok(begun.elapsed())
    }

    /// Inserts one row at a time, `rate` a second; how long each took.
    pub(crate) async fn paced(&self, rate: u64, seconds: u64) -> Result<Vec<Duration>, Failed> {
        let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / rate as f64));
        let mut under_way = FuturesUnordered::new();
        let mut taken = Vec::new();
        for number in 0..rate * seconds {
            // What is under way goes on while the next one is not due.
            loop {
                tokio::select! {
                    _ = tick.tick() => break,
                    Some(one) = under_way.next() => taken.push(one?),
                }
            }
            let session = &self.sessions[number as usize % self.sessions.len()];
            under_way.push(self.timed(session));
        }
        while let Some(one) = under_way.next().await {
            taken.push(one?);
        }
        Ok(taken)
    }

    async fn timed(&self, session: &Session) -> Result<Duration, Failed> {
        let begun = Instant::now();
        self.insert(session, 1).await?;
        Ok(begun.elapsed())
    }

    async fn insert(&self, session: &Session, rows: u64) -> Result<(), Failed> {
        let first = self.next_row.replace(self.next_row.get() + rows);
        let table = self.next_table.replace(self.next_table.get() + 1) % session.inserts.len();
        let parameters: [&(dyn ToSql + Sync); 2] = [&(first as i64), &(rows as i64)];
        session.client.execute(&session.inserts[table], &parameters).await?;
        Ok(())
    }
}
