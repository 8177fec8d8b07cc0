//! A small disk, to be full: a file system in memory, where root may mount one.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Moves what is written of the log, and the queue, into the tablespace `small`.
pub const MOVE_LOG: &str = include_str!("move_log.sql");

/// A mounted file system; unmounted when dropped.
pub struct Mount {
    home: TempDir,
    size: &'static str,
}

impl Mount {
    /// Mounts a file system of `size` in memory that belongs to the owner of `data`; none where
    /// that is not allowed.
    pub fn make(size: &'static str, data: &Path) -> Option<Self> {
        let owner = fs::metadata(data).ok()?;
        let home = tempfile::Builder::new().prefix("small-disk-").tempdir_in("/tmp").ok()?;
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).ok()?;
        let options = format!("size={size},mode=700,uid={},gid={}", owner.uid(), owner.gid());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(home.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self { home, size })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// Leaves no room in it but for a few pages.
    pub fn fill(&self) -> Result<(), String> {
        self.resize(&format!("{}k", self.used_kilobytes() + 64))
    }

    /// Makes room again.
    pub fn free(&self) -> Result<(), String> {
        self.resize(self.size)
    }

    fn resize(&self, size: &str) -> Result<(), String> {
        let options = format!("remount,size={size}");
        let mut mount = Command::new("mount");
        let resized = mount.args(["-o", &options]).arg(self.path()).stderr(Stdio::null()).status();
        let is_done = resized.is_ok_and(|status| status.success());
        is_done.then_some(()).ok_or_else(|| format!("cannot mount with {options}"))
    }

    fn used_kilobytes(&self) -> u64 {
        let output = Command::new("df").arg("-kP").arg(self.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().last().unwrap();
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The server may not have closed its files yet.
        let _ = Command::new("umount").arg("-l").arg(self.path()).stderr(Stdio::null()).status();
    }
}
