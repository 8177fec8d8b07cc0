//! The account that the server runs under: PostgreSQL refuses to run as root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::ClusterError;

/// Who runs the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    /// We ourselves.
    Own,
    /// We are root and hand over to this user.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Chooses the account; `owned` is a file that this process has created, which is how its
    /// effective user is known without a system call of our own.
    pub(super) fn choose(owned: &Path) -> Result<Self, ClusterError> {
        let owner = fs::metadata(owned).map_err(|e| ClusterError::file(owned, e))?.uid();
        if owner != 0 {
            return Ok(Self::Own);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| ids_of(&passwd, name))
            .map(|(uid, gid)| Self::Other { uid, gid })
            .ok_or(ClusterError::NoAccount)
    }

    /// Makes `command` run under the account.
    pub(super) fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives `path` to the account.
    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }

    /// Copies the directory `from` to `to`, which must not exist, and gives it to the account.
    pub(super) fn copy(self, from: &Path, to: &Path) -> io::Result<()> {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.copy(&entry.path(), &target)?;
            } else {
                fs::copy(entry.path(), &target)?;
                self.give(&target)?;
            }
        }
        // PostgreSQL refuses a data directory that others may read.
        fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
        self.give(to)
    }
}

/// User and group id of `name`. Ids are signed in some systems' files (`nobody` as -2).
fn ids_of(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let id = |text: &str| text.parse::<i64>().ok().map(|id| id as u32);
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
        (found && uid != 0).then_some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_the_line_of_exactly_that_name() {
        let passwd = "root:x:0:0::/:/bin/sh\nbroken\nnobody2:x:7:7::/:\nnobody:*:-2:65534::/:\n";
        assert_eq!(ids_of(passwd, "nobody"), Some((u32::MAX - 1, 65534)));
        assert_eq!(ids_of(passwd, "postgres"), None);
        assert_eq!(ids_of(passwd, "root"), None, "dropping to root drops nothing");
    }
}
