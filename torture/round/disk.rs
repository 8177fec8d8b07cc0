//! The log's disk: a small file system of its own where it can be mounted, as root; else a trigger
//! that says what a full disk says.

use std::path::Path;

use super::blows::say;
use super::history::History;
use crate::support::mount::{MOVE_LOG, Mount};

/// Room for the log of a round; what is not used takes no memory.
const SIZE: &str = "4g";

/// The log's disk.
pub enum Disk {
    /// A tablespace on a file system of its own.
    Small(Mount),
    /// The cluster's own, and a trigger.
    Trigger,
}

impl Disk {
    /// Moves the log to a small disk, if there can be one. For after `walhook init`.
    pub async fn prepare(url: &str, data: &Path) -> Result<Self, String> {
        let Some(mount) = Mount::make(SIZE, data) else { return Ok(Self::Trigger) };
        let path = mount.path().display().to_string();
        // Tablespaces are not made inside transactions.
        say(url, &format!("create tablespace small location '{path}'")).await?;
        say(url, MOVE_LOG).await?;
        Ok(Self::Small(mount))
    }

    /// Leaves no room.
    pub async fn fill(&self, url: &str, history: &History) {
        match self {
            Self::Small(mount) => tell(mount.fill(), history),
            Self::Trigger => tell(say(url, include_str!("sql/fill_disk.sql")).await, history),
        }
    }

    /// Makes room again.
    pub async fn free(&self, url: &str, history: &History) {
        match self {
            Self::Small(mount) => tell(mount.free(), history),
            Self::Trigger => {
                while let Err(error) = say(url, include_str!("sql/free_disk.sql")).await {
                    tell(Err(error), history);
                }
            }
        }
    }
}

fn tell(said: Result<(), String>, history: &History) {
    if let Err(error) = said {
        history.note(format!("not done: {error}"));
    }
}
