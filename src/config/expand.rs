//! `${NAME}` in strings of the file, and secrets that live in files of their own.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::environment::Environment;

/// A PEM chain is a few kilobytes; whoever points at /dev/zero gets an error, not a full memory.
const LARGEST_SECRET_FILE_BYTES: u64 = 64 * 1024;

/// Why a string could not be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// A variable that is not set.
    Unset(String),
    /// `${` without a name and `}` after it.
    Malformed,
}

/// `text` with each `${NAME}` replaced by the variable's value. `$${` is a literal `${`; any
/// other `$` stands for itself. What a variable holds is not expanded again.
pub(super) fn expand(text: &str, environment: &Environment) -> Result<String, ExpandError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str("${");
            rest = &reference[2..];
            continue;
        }
        expanded.push_str(before);
        let end = reference.find('}').ok_or(ExpandError::Malformed)?;
        let name = &reference[2..end];
        if !is_name(name) {
            return Err(ExpandError::Malformed);
        }
        expanded
            .push_str(environment.get(name).ok_or_else(|| ExpandError::Unset(name.to_owned()))?);
        rest = &reference[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Whether `text` is one `${NAME}` and nothing else, so that showing it tells no secret.
pub(super) fn is_reference(text: &str) -> bool {
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some_and(is_name)
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Why a secret's file gave nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretFileError {
    #[error("the file does not exist")]
    Missing,
    #[error("the file may not be read by this user")]
    Forbidden,
    #[error("it cannot be read as a file ({0})")]
    Unreadable(ErrorKind),
    #[error("the file is larger than 64 KiB")]
    TooLarge,
    #[error("the file is not UTF-8 text")]
    NotText,
}

/// The secret in the file at `path`, without one trailing line end.
pub(super) fn read_secret(path: &Path) -> Result<String, SecretFileError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => SecretFileError::Missing,
        ErrorKind::PermissionDenied => SecretFileError::Forbidden,
        kind => SecretFileError::Unreadable(kind),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST_SECRET_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_SECRET_FILE_BYTES {
        return Err(SecretFileError::TooLarge);
    }
    let mut text = String::from_utf8(bytes).map_err(|_| SecretFileError::NotText)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, ExpandError> {
        expand(text, &Environment::from_iter([("A", "1"), ("B_2", "${A}"), ("EMPTY", "")]))
    }

    #[test]
    fn references_are_replaced_once() {
        for (given, wanted) in [
            ("${A}", "1"),
            ("x${A}y${A}z", "x1y1z"),
            ("${B_2}", "${A}"),
            ("[${EMPTY}]", "[]"),
            ("$A $ $$ }", "$A $ $$ }"),
            ("$${A} $${", "${A} ${"),
        ] {
            assert_eq!(expanded(given).as_deref(), Ok(wanted), "{given}");
        }
    }

    #[test]
    fn a_reference_that_means_nothing_is_refused() {
        assert_eq!(expanded("${C}"), Err(ExpandError::Unset("C".to_owned())));
        for given in ["${", "${A", "${}", "${1A}", "${A B}", "${A:-x}"] {
            assert_eq!(expanded(given), Err(ExpandError::Malformed), "{given}");
        }
    }

    #[test]
    fn a_secret_file_loses_one_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        for (content, wanted) in
            [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), (" x ", " x "), ("", "")]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_secret(&path).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_secret_file_that_cannot_be_the_secret_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert_eq!(read_secret(&path), Err(SecretFileError::Missing));
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_secret(&path), Err(SecretFileError::NotText));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert_eq!(read_secret(&path), Err(SecretFileError::TooLarge));
        assert!(matches!(read_secret(directory.path()), Err(SecretFileError::Unreadable(_))));
    }
}
