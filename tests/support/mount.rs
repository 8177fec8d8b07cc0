//! A small disk, to be full: a file system in memory, where root may mount one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Moves what is written of the log, and the queue, into the tablespace `small`.
pub const MOVE_LOG: &str = include_str!("move_log.sql");

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
