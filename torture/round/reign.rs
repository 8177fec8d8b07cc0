//! Who holds the slot, as the database says, and who works on without knowing that somebody else
//! does: looked at again and again. What a former holder had in memory, the next one sends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::Client;

use super::history::History;
use super::inbox::now;
use super::shop::connect;
use crate::support::daemon::{Daemon, Listener};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a look may take; a server that is away is asked again.
const PATIENCE: Duration = Duration::from_secs(1);

/// The daemons that run, with what they say.
#[derive(Clone, Default)]
pub struct Roster(Arc<Mutex<Vec<Listener>>>);

impl Roster {
    /// One has started.
    pub fn add(&self, daemon: &Daemon) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(daemon.listener());
    }

    /// One has ended.
    pub fn remove(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known.pid != pid);
    }

    /// Whether somebody else than `holder` believes to hold the slot.
    fn has_pretender(&self, holder: u32) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|daemon| daemon.pid != holder && believes_to_hold(daemon))
    }
}

/// What it said last of the slot. A frozen one says nothing, and goes on when it is woken.
fn believes_to_hold(daemon: &Listener) -> bool {
    const HOLDS: [&str; 2] = ["\"message\":\"streaming\"", "replication streams again"];
    const LOST: [&str; 2] = ["replication broke; reconnecting", "not streaming; trying again"];
    let says = |words: &[&str], line: &str| words.iter().any(|word| line.contains(word));
    daemon.last(|line| match (says(&HOLDS, line), says(&LOST, line)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }) == Some(true)
}

/// Looks until it is dropped.
pub async fn watch(url: &str, roster: &Roster, history: &History) {
    let (mut client, mut known, mut since) = (None, None, now());
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(holder) = look(url, &mut client).await else { continue };
        let until = now();
        if known.is_some_and(|known| known != holder) {
            history.changed_hands(since, until);
        }
        if roster.has_pretender(holder) {
            history.were_apart(since, until);
        }
        (known, since) = (Some(holder), until);
    }
}

/// The holder's process id; `None` if the database does not say.
async fn look(url: &str, client: &mut Option<Client>) -> Option<u32> {
    let look = async {
        let session = match client.take().filter(|client| !client.is_closed()) {
            Some(session) => session,
            None => connect(url).await.ok()?,
        };
        let row = session.query_opt(include_str!("sql/holder.sql"), &[]).await.ok()?;
        *client = Some(session);
        u32::try_from(row?.get::<_, i32>(0)).ok()
    };
    tokio::time::timeout(PATIENCE, look).await.ok()?
}
