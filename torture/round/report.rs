//! The summary of a round.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::history::Past;
use super::plan::Character;
use super::proof::Findings;

/// What came of a round.
pub struct Report {
    pub(super) seed: u64,
    pub(super) time: Duration,
    pub(super) character: Character,
    pub(super) skipped: Vec<&'static str>,
    pub(super) rolled_back: u64,
    pub(super) drained: Option<Duration>,
    pub(super) past: Past,
    pub(super) findings: Findings,
    pub(super) forgeries: Vec<&'static str>,
    pub(super) logs: PathBuf,
}

impl Report {
    /// Whether every promise was kept.
    pub fn passed(&self) -> bool {
        self.past.violations.is_empty()
    }

    /// One line.
    pub fn line(&self) -> String {
        let Findings { deliveries, requests, repeats, .. } = &self.findings;
        format!(
            "{} seed {}: {} actions, {} events, {deliveries} deliveries, {requests} requests, \
             {} repeats, {} MB at most",
            if self.passed() { "PASS" } else { "FAIL" },
            self.seed,
            self.past.actions.values().sum::<u64>(),
            self.findings.events.values().sum::<u64>(),
            repeats.values().sum::<u64>(),
            self.past.most_mb,
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { character, past, findings, .. } = self;
        writeln!(out, "{}", self.line())?;
        writeln!(out, "  {character:?}")?;
        for what in &self.skipped {
            writeln!(out, "  skipped: {what}")?;
        }
        writeln!(out, "  actions: {}", list(&past.actions))?;
        writeln!(out, "  committed events: {}", list(&findings.events))?;
        writeln!(out, "  transactions rolled back on purpose: {}", self.rolled_back)?;
        writeln!(out, "  attempts that did not succeed: {}", findings.failed_attempts)?;
        writeln!(out, "  repeats: {}", list(&findings.repeats))?;
        writeln!(out, "  warnings of the daemons: {}", list(&past.warnings))?;
        let seconds = self.drained.map(|time| format!("{:.1} s", time.as_secs_f64()));
        let seconds = seconds.as_deref().unwrap_or("never");
        writeln!(out, "  everything was delivered so long after the last fault: {seconds}")?;
        writeln!(out, "  forged evidence seen through: {}", self.forgeries.join(", "))?;
        for violation in &past.violations {
            writeln!(out, "  VIOLATION {violation}")?;
        }
        if !self.passed() {
            let seconds = self.time.as_secs();
            writeln!(out, "  again: ./dev torture --seed {} --round {seconds}", self.seed)?;
            writeln!(out, "  logs: {}", self.logs.display())?;
        }
        Ok(())
    }
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let items: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    items.join(", ")
}
