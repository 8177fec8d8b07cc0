//! The daemons: one that always runs, through the proxy, and at times a second one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::history::History;
use super::reign::Roster;
use crate::support::daemon::{Daemon, Listener, Site};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The one that always runs.
    First,
    /// The one that waits for the other's end.
    Second,
}

impl fmt::Display for Who {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// Both of them.
pub struct Crew {
    members: [Member; 2],
    logs: PathBuf,
    roster: Roster,
}

struct Member {
    site: Site,
    daemon: Option<Daemon>,
    /// How often it was started.
    starts: u32,
}

impl Crew {
    /// Nobody runs yet. Their logs go to a directory.
    pub fn new(first: Site, second: Site, logs: PathBuf) -> Self {
        let member = |site| Member { site, daemon: None, starts: 0 };
        Self { members: [member(first), member(second)], logs, roster: Roster::default() }
    }

    /// Who of them runs.
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }

    /// Starts one that does not run.
    pub fn start(&mut self, who: Who, history: &History) {
        let member = self.member_mut(who);
        if member.daemon.is_none() {
            let daemon = member.site.start();
            member.starts += 1;
            self.roster.add(&daemon);
            self.member_mut(who).daemon = Some(daemon);
            history.note(format!("the {who} daemon is started"));
        }
    }

    /// Sends a signal.
    pub async fn signal(&self, who: Who, signal: &str) {
        if let Some(daemon) = &self.member(who).daemon {
            daemon.signal(signal).await;
        }
    }

    /// kill -9.
    pub async fn kill(&mut self, who: Who, history: &History) {
        self.take_stock(history);
        let Some(daemon) = self.member_mut(who).daemon.take() else { return };
        let pid = daemon.pid();
        let log = daemon.kill().await;
        self.roster.remove(pid);
        history.memory_is_lost(format!("the {who} daemon is killed"));
        self.keep(who, &log, history);
    }

    /// SIGTERM; it must end well.
    pub async fn stop(&mut self, who: Who, history: &History) {
        self.take_stock(history);
        let Some(daemon) = self.member_mut(who).daemon.take() else { return };
        // From here on it parks what it has, also what is under way when the grace is over.
        history.memory_is_lost(format!("the {who} daemon is told to stop"));
        daemon.terminate().await;
        let pid = daemon.pid();
        let (status, log) = daemon.ended().await;
        self.roster.remove(pid);
        history.memory_is_lost(format!("the {who} daemon has stopped"));
        if status.code() != Some(0) {
            history.violated(format!("the {who} daemon ended with {status} after SIGTERM"));
        }
        self.keep(who, &log, history);
    }

    /// Whether everybody who should run does; how much memory they have had.
    pub fn take_stock(&mut self, history: &History) {
        for who in [Who::First, Who::Second] {
            let member = &mut self.members[who as usize];
            let Some(daemon) = &mut member.daemon else { continue };
            let Listener { pid, .. } = daemon.listener();
            match daemon.has_ended() {
                None => history.memory_mb(resident_mb(pid)),
                Some(status) => {
                    let log = daemon.log();
                    member.daemon = None;
                    self.roster.remove(pid);
                    history.memory_is_lost(format!("the {who} daemon ended"));
                    let last = log.lines().last().unwrap_or_default();
                    history.violated(format!("the {who} daemon ended by itself: {status}: {last}"));
                    self.keep(who, &log, history);
                }
            }
        }
    }

    /// Waits for a daemon's word, for a while.
    pub async fn hears(&self, who: Who, words: &[&str], patience: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        while tokio::time::Instant::now() < deadline {
            let Some(daemon) = &self.member(who).daemon else { return false };
            let log = daemon.log();
            if words.iter().any(|word| log.contains(word)) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Writes a log down and looks for what must not be in it.
    fn keep(&self, who: Who, log: &str, history: &History) {
        let file = self.logs.join(format!("{who}-{}.log", self.member(who).starts));
        if let Err(error) = std::fs::write(&file, log) {
            history.note(format!("{} cannot be written: {error}", file.display()));
        }
        for line in log.lines().filter(|line| is_bad(line)) {
            history.violated(format!("the {who} daemon said: {line}"));
        }
        history.count_warnings(log);
    }

    fn member(&self, who: Who) -> &Member {
        &self.members[who as usize]
    }

    fn member_mut(&mut self, who: Who) -> &mut Member {
        &mut self.members[who as usize]
    }
}

/// Nothing that the torture does is an error of the daemon's.
fn is_bad(line: &str) -> bool {
    line.contains("\"level\":\"ERROR\"")
        || line.contains("panicked at")
        || line.contains("a row is refused")
}

/// The most memory that a process had so far.
fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = most.and_then(|most| most.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
