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
    pub(super) has_disk: bool,
    pub(super) has_clocks: bool,
    pub(super) rolled_back: u64,
    pub(super) drained: Option<Duration>,
    pub(super) past: Past,
    pub(super) findings: Findings,
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
        let skipped = [
            (
                !self.has_disk,
                "a small disk of its own (not mounted: a trigger says that it is full)",
            ),
            (
                character.has_clocks && !self.has_clocks,
                "clock steps (libfaketime is not installed)",
            ),
        ];
        for (_, what) in skipped.into_iter().filter(|(is_skipped, _)| *is_skipped) {
            writeln!(out, "  skipped: {what}")?;
        }
        writeln!(out, "  actions: {}", list(&past.actions))?;
        writeln!(out, "  committed events: {}", list(&findings.events))?;
        writeln!(out, "  transactions rolled back on purpose: {}", self.rolled_back)?;
        writeln!(out, "  attempts that did not succeed: {}", findings.failed_attempts)?;
        writeln!(out, "  repeats: {}", list(&findings.repeats))?;
        writeln!(out, "  warnings of the daemons: {}", list(&past.warnings))?;
        match self.drained {
            Some(time) => {
                writeln!(out, "  all delivered {:.1} s after the last fault", time.as_secs_f64())?
            }
            None => writeln!(out, "  not all was delivered")?,
        }
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
