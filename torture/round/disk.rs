//! The log's disk: a small file system of its own where it can be mounted, as root; else a trigger
//! that says what a full disk says.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::blows::say;
use super::history::History;

/// Room for the log of a round.
const SIZE: &str = "192m";

/// A mounted file system; unmounted when dropped.
pub struct Mount(TempDir);

impl Mount {
    /// Mounts a file system of `size` in memory that belongs to the owner of `data`; none where
    /// that is not allowed.
    pub fn make(size: &str, data: &Path) -> Option<Self> {
        let owner = fs::metadata(data).ok()?;
        let home = tempfile::Builder::new().prefix("walhook-disk-").tempdir_in("/tmp").ok()?;
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).ok()?;
        let options = format!("size={size},mode=700,uid={},gid={}", owner.uid(), owner.gid());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(home.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(home))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room in it.
    pub fn fill(&self) {
        let Ok(mut file) = fs::File::create(self.path().join("filling")) else { return };
        let zeros = vec![0; 64 * 1024];
        for size in [zeros.len(), 512] {
            while file.write_all(&zeros[..size]).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        let _ = fs::remove_file(self.path().join("filling"));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The server may not have closed its files yet.
        let _ = Command::new("umount").arg("-l").arg(self.path()).stderr(Stdio::null()).status();
    }
}

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
        say(url, include_str!("sql/move_log.sql")).await?;
        Ok(Self::Small(mount))
    }

    /// Leaves no room.
    pub async fn fill(&self, url: &str, history: &History) {
        match self {
            Self::Small(mount) => mount.fill(),
            Self::Trigger => tell(say(url, include_str!("sql/fill_disk.sql")).await, history),
        }
    }

    /// Makes room again.
    pub async fn free(&self, url: &str, history: &History) {
        match self {
            Self::Small(mount) => mount.free(),
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
