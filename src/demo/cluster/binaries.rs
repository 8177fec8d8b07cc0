//! Where PostgreSQL's server binaries are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// The oldest PostgreSQL that walhook works with.
const OLDEST_MAJOR: u32 = 15;

/// A directory with `initdb`, `postgres` and `pg_ctl` of one version.
#[derive(Clone, Debug)]
pub struct Binaries {
    directory: PathBuf,
    /// Major version, as in 15.
    pub major: u32,
}

impl Binaries {
    /// Looks in `PATH`, asks `pg_config`, then goes through the places of the usual packages,
    /// newest first.
    ///
    /// # Errors
    /// [`ClusterError::NotInstalled`] and [`ClusterError::TooOld`], both of which say what to
    /// install.
    pub fn find() -> Result<Self, ClusterError> {
        let mut too_old = None;
        for directory in candidates() {
            match major_version(&directory) {
                Some(major) if major >= OLDEST_MAJOR => return Ok(Self { directory, major }),
                Some(major) => too_old = too_old.or(Some((directory, major))),
                None => {}
            }
        }
        Err(too_old.map_or(ClusterError::NotInstalled, |(directory, major)| ClusterError::TooOld {
            directory,
            major,
        }))
    }

    /// Path of the program `name`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What to type for `psql`: the bare name where `PATH` has it.
    pub(super) fn psql(&self) -> String {
        let on_path = path_directories().iter().any(|directory| directory.join("psql").is_file());
        if on_path { "psql".to_owned() } else { self.program("psql").display().to_string() }
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut found = path_directories();
    found.extend(pg_config_bindir());
    found.extend(newest_first("/usr/lib/postgresql", "", "bin"));
    found.extend(newest_first("/usr", "pgsql-", "bin"));
    for cellar in ["/opt/homebrew/opt", "/usr/local/opt"] {
        found.extend(newest_first(cellar, "postgresql@", "bin"));
        found.push(Path::new(cellar).join("postgresql/bin"));
    }
    found
}

fn path_directories() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// `parent/<prefix><number>/below`, sorted by the number, largest first.
fn newest_first(parent: &str, prefix: &str, below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(below)))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// The version of the server in `directory`; `None` if a program is missing or does not run.
fn major_version(directory: &Path) -> Option<u32> {
    let complete = ["initdb", "postgres", "pg_ctl"].iter().all(|p| directory.join(p).is_file());
    if !complete {
        return None;
    }
    let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
    parse_major(std::str::from_utf8(&output.stdout).ok()?)
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, also of
/// development versions such as `19devel`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_any_version_text() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 19devel\n", Some(19)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres", None),
        ] {
            assert_eq!(parse_major(text), major, "{text}");
        }
    }
}
