//! The daemon among receivers from hell: each has its outcome in the log, memory stays flat, and a
//! good neighbour notices nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Daemon, Site, endpoint};
use support::hell::{self, Outcome};
use support::hooks::Hooks;
use support::pg::Pg;

const ROWS: usize = 12;

/// The most memory that the daemon ever had, in kB.
fn peak(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_receivers_do_memory_stays_flat_and_each_has_its_outcome() {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    let good = Hooks::ok().await;
    let rest = "retry = { schedule = [], jitter = 0.0 }\ntimeout = \"1s\"\nmax_in_flight = 6\n\
                ordering = \"none\"";
    let mut config = endpoint("good", &good.url("/"), "");
    let mut receivers = Vec::new();
    for (number, rude) in hell::all().into_iter().enumerate() {
        let receiver = rude.clone().start().await;
        config += &endpoint(&format!("e{number}"), &receiver.url("/"), rest);
        receivers.push((rude, receiver));
    }
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    let rows = format!("insert into items select g, 'x' from generate_series(1, {ROWS}) as g");
    database.execute(&rows).await;
    let settled = format!(
        "select count(*) = {} from walhook.webhook_log where status in ('success', 'failed')",
        ROWS * (receivers.len() + 1)
    );
    database.becomes_true(&settled).await;
    let peak = peak(&daemon);
    daemon.stop().await;
    println!("{peak} kB");
    assert!(peak < 96_000, "{peak} kB");
    assert_eq!(database.statuses("good").await, format!("success {ROWS}"));
    for (number, (rude, _)) in receivers.iter().enumerate() {
        let found: String = database
            .query_one(
                "select string_agg(distinct coalesce(status_code::text, error_class), ', ') \
                 from walhook.webhook_attempt where endpoint_name = $1",
                &[&format!("e{number}")],
            )
            .await;
        let expected = match rude.outcome {
            Outcome::Status(status) => status.to_string(),
            Outcome::Class(class) => class.to_owned(),
        };
        assert_eq!(found, expected, "{}", rude.name);
    }
}
