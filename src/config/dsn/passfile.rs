//! libpq's password file: `host:port:database:user:password`, first match wins.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::secret::Secret;

/// A password file, read or found unfit.
#[derive(Debug, Default)]
pub(super) struct Passfile {
    lines: Vec<[Secret; 5]>,
    /// Why the file was not read, though it is there.
    pub(super) fault: Option<String>,
}

impl Passfile {
    /// Reads `path`. A missing file is as good as an empty one; one that others can read is
    /// ignored, as libpq does.
    pub(super) fn read(path: &Path) -> Self {
        let unfit = |why: &str| Self {
            lines: Vec::new(),
            fault: Some(format!("password file {} is ignored: {why}", path.display())),
        };
        let Ok(meta) = fs::metadata(path) else { return Self::default() };
        if !meta.is_file() {
            return unfit("it is not a plain file");
        }
        if meta.permissions().mode() & 0o077 != 0 {
            return unfit("others may read it; chmod 0600 it");
        }
        match fs::read_to_string(path) {
            Ok(text) => Self { lines: text.lines().filter_map(read_line).collect(), fault: None },
            Err(error) => unfit(&error.to_string()),
        }
    }

    /// The password for a connection.
    pub(super) fn password(
        &self,
        host: &str,
        port: u16,
        dbname: &str,
        user: &str,
    ) -> Option<Secret> {
        let port = port.to_string();
        let wanted = [host, &port, dbname, user];
        let matches = |line: &&[Secret; 5]| {
            line.iter().zip(wanted).all(|(f, w)| f.expose() == "*" || unescape(f.expose()) == w)
        };
        let line = self.lines.iter().find(matches)?;
        Some(Secret::new(unescape(line[4].expose())))
            .filter(|password| !password.expose().is_empty())
    }
}

/// Where libpq would look.
pub(super) fn default_path(home: Option<&Path>) -> Option<PathBuf> {
    home.map(|home| home.join(".pgpass"))
}

/// Splits at colons that no backslash precedes; further colons belong to the password.
fn read_line(line: &str) -> Option<[Secret; 5]> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            _ => {
                let field = fields.last_mut()?;
                field.push(character);
                if character == '\\' {
                    field.extend(characters.next());
                }
            }
        }
    }
    let fields: Vec<Secret> = fields.into_iter().map(Secret::new).collect();
    fields.try_into().ok()
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' { plain.extend(characters.next()) } else { plain.push(character) }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passfile(text: &str, mode: u32) -> (tempfile::TempDir, Passfile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let read = Passfile::read(&path);
        (directory, read)
    }

    #[test]
    fn the_first_line_that_fits_wins() {
        let text = "# comment\nnonsense\ndb:5432:shop:ann:one\ndb:*:*:ann:two\n*:*:*:*:three\n";
        let (_directory, file) = passfile(text, 0o600);
        for (host, port, dbname, user, expected) in [
            ("db", 5432, "shop", "ann", "one"),
            ("db", 5433, "shop", "ann", "two"),
            ("db", 5432, "shop", "bob", "three"),
        ] {
            let found = file.password(host, port, dbname, user).unwrap();
            assert_eq!(found.expose(), expected);
        }
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let (_directory, file) = passfile("\\:\\:1:5432:a\\\\b:\\*:p\\:w:d\\\\\n", 0o600);
        assert_eq!(file.password("::1", 5432, "a\\b", "*").unwrap().expose(), "p:w:d\\");
        assert!(file.password("::1", 5432, "a\\b", "ann").is_none(), "an escaped star is a star");
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored_and_says_so() {
        let (_directory, file) = passfile("*:*:*:*:hunter2\n", 0o640);
        assert!(file.password("db", 5432, "shop", "ann").is_none());
        let fault = file.fault.as_deref().unwrap();
        assert!(fault.contains("chmod 0600") && !fault.contains("hunter2"), "{fault}");
    }

    #[test]
    fn a_missing_file_is_no_fault() {
        assert!(Passfile::read(Path::new("/nonexistent/pgpass")).fault.is_none());
    }
}
