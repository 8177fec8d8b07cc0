//! The proof: what was committed, what arrived, and what the log says, held against each other.

mod content;
mod forgery;
mod log;
mod order;
mod repeats;

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Row;

use super::history::Past;
use super::inbox::{Arrival, Event, Inbox};
use super::plan::ENDPOINTS;
use super::shop::{Journal, connect, journal};

/// Violations of one kind that are told in full.
const MOST_TOLD: usize = 10;

/// A row of the log.
#[derive(Clone)]
struct Logged {
    endpoint: usize,
    delivery: u128,
    attempt: i32,
    outcome: String,
    status: Option<i32>,
    event_id: String,
    /// Commit LSN and ordinal.
    position: (u64, i64),
    /// When it was committed, in microseconds since 1970.
    committed: i64,
}

/// Everything there is to know in the end.
#[derive(Clone)]
pub struct Proof {
    journal: Journal,
    events: Vec<Event>,
    oddities: Vec<String>,
    /// By endpoint.
    arrivals: Vec<Vec<Arrival>>,
    logged: Vec<Logged>,
    /// Whether the log's times can be compared with those of arrivals.
    has_true_times: bool,
    /// What the database says that it should not.
    complaints: Vec<String>,
}

/// What the proof counted.
#[derive(Debug, Default)]
pub struct Findings {
    /// Events by operation.
    pub events: BTreeMap<String, u64>,
    /// Deliveries that were made.
    pub deliveries: u64,
    /// Requests that came.
    pub requests: u64,
    /// Attempts that were answered with something else than 2xx.
    pub failed_attempts: u64,
    /// Requests that came again, by why that is allowed.
    pub repeats: BTreeMap<String, u64>,
}

/// Collects violations without drowning in them.
struct Verdict<'a> {
    past: &'a mut Past,
    counts: BTreeMap<&'static str, usize>,
}

impl Verdict<'_> {
    fn violated(&mut self, kind: &'static str, tell: impl FnOnce(&Past) -> String) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= MOST_TOLD {
            let told = format!("{kind}: {}", tell(self.past));
            self.past.violations.push(told);
        }
    }

    fn close(self) {
        for (kind, count) in self.counts {
            if count > MOST_TOLD {
                self.past.violations.push(format!("{kind}: {} more", count - MOST_TOLD));
            }
        }
    }
}

impl Proof {
    /// Asks everybody. `has_false_times`: the server's clock was stepped.
    pub async fn gather(
        url: &str,
        inbox: &Inbox,
        has_false_times: bool,
    ) -> Result<Self, tokio_postgres::Error> {
        let client = connect(url).await?;
        let (events, oddities) = inbox.take_events();
        let names = ENDPOINTS.map(|endpoint| endpoint.name);
        let logged = client.query(include_str!("../sql/logged.sql"), &[&names.as_slice()]).await?;
        let complaints = client.query(include_str!("../sql/complaints.sql"), &[]).await?;
        Ok(Self {
            journal: journal(&client).await?,
            events,
            oddities,
            arrivals: names.iter().map(|name| inbox.arrivals(name)).collect(),
            logged: logged.iter().map(Logged::of).collect(),
            has_true_times: !has_false_times,
            complaints: complaints.iter().map(|row| row.get(0)).collect(),
        })
    }

    /// Holds all against each other; violations go into the history.
    pub fn examine(&self, past: &mut Past) -> Findings {
        let mut findings = Findings {
            deliveries: self.logged.iter().filter(|row| row.is_final()).count() as u64,
            requests: self.arrivals.iter().map(|arrivals| arrivals.len() as u64).sum(),
            failed_attempts: self.logged.iter().filter(|row| row.outcome != "success").count()
                as u64,
            ..Findings::default()
        };
        for (operation, _) in self.journal.keys() {
            *findings.events.entry(operation.clone()).or_default() += 1;
        }
        let mut verdict = Verdict { past, counts: BTreeMap::new() };
        for complaint in &self.complaints {
            verdict.violated("the database", |_| complaint.clone());
        }
        self.compare_content(&mut verdict);
        self.check_order(&mut verdict);
        self.check_log(&mut verdict);
        self.check_repeats(&mut verdict, &mut findings);
        verdict.close();
        findings
    }

    /// Rows of the log by endpoint, delivery and attempt.
    fn log_by_attempt(&self) -> HashMap<(usize, u128, u32), &Logged> {
        let attempts = self.logged.iter().filter_map(|row| {
            Some(((row.endpoint, row.delivery, u32::try_from(row.attempt).ok()?), row))
        });
        attempts.collect()
    }

    /// What became of an event at an endpoint, in lines, with times from `zero` on.
    fn tell_story(&self, endpoint: usize, event: usize, zero: i64) -> String {
        let seconds = |at: i64| (at - zero) as f64 / 1e6;
        let mut text = format!("\n    {}", describe(&self.events[event]));
        let arrivals = self.arrivals[endpoint].iter().filter(|arrival| arrival.event == event);
        for Arrival { at, attempt, body, answer, .. } in arrivals {
            text += &format!(
                "\n      {:+.3} s: attempt {attempt}, body {body:x}, got {answer:?}",
                seconds(*at)
            );
        }
        let id = &self.events[event].id;
        let rows = self.logged.iter().filter(|row| row.endpoint == endpoint && row.event_id == *id);
        for Logged { attempt, outcome, status, committed, position, .. } in rows {
            text += &format!(
                "\n      {:+.3} s: attempt {attempt} of {position:?} logged as {outcome} {status:?}",
                seconds(*committed)
            );
        }
        text
    }

    /// Rows that end a delivery, by endpoint and delivery.
    fn ends(&self) -> HashMap<(usize, u128), &Logged> {
        let ends = self.logged.iter().filter(|row| row.is_final());
        ends.map(|row| ((row.endpoint, row.delivery), row)).collect()
    }
}

impl Logged {
    fn of(row: &Row) -> Self {
        Self {
            endpoint: row.get::<_, i32>(0) as usize,
            delivery: row.get::<_, uuid::Uuid>(1).as_u128(),
            attempt: row.get(2),
            outcome: row.get(3),
            status: row.get(4),
            event_id: row.get(5),
            position: (u64::from(row.get::<_, tokio_postgres::types::PgLsn>(6)), row.get(7)),
            committed: row.get(8),
        }
    }

    fn is_final(&self) -> bool {
        self.outcome != "retrying"
    }
}

/// An event in words.
fn describe(event: &Event) -> String {
    let facts = &event.facts;
    format!(
        "{} {} of {} {:?}, formerly {:?} (tag {})",
        event.id, facts.operation, facts.place, facts.key, facts.former_id, facts.tag
    )
}
