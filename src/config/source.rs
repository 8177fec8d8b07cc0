//! The file's text: lines, columns, and what of it may be shown.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Faults, Line, Place, Severity};
use super::mask::{self, Leaf};

/// A configuration is a few kilobytes; the bound is for who passes the wrong file.
const LARGEST_FILE_BYTES: u64 = 1024 * 1024;

/// The text of the file. It may hold secrets, so it has no `Debug`.
pub(super) struct Source {
    /// As given on the command line; empty if there is no file.
    pub(super) path: String,
    pub(super) text: String,
    /// Every scalar value, in order.
    pub(super) leaves: Vec<Leaf>,
}

impl Source {
    /// Reads the file. No path, no text.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Box<Fault>> {
        let Some(path) = path else {
            return Ok(Self { path: String::new(), text: String::new(), leaves: Vec::new() });
        };
        let shown = path.display().to_string();
        let refused =
            |problem: String, fix: &str| Box::new(whole_file(&shown, problem, fix.to_owned()));
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| {
                refused(format!("cannot be read: {error}"), "name the file with --config PATH")
            })?;
        if bytes.len() as u64 > LARGEST_FILE_BYTES {
            return Err(refused(
                "is larger than 1 MiB".to_owned(),
                "name walhook's own config.toml with --config PATH",
            ));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
            refused(format!("is not UTF-8 text (line {line})"), "save the file as UTF-8")
        })?;
        Ok(Self { path: shown, text, leaves: Vec::new() })
    }

    /// A text that is called `path` in faults.
    pub(super) fn of_text(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), leaves: Vec::new() }
    }

    /// Warns if everyone on the machine may read the file.
    pub(super) fn warn_of_readers(&self, path: &Path) -> Option<Fault> {
        const OTHERS_READ: u32 = 0o004;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        (mode & OTHERS_READ != 0).then(|| Fault {
            severity: Severity::Warning,
            ..self.whole(
                "every user of this machine can read the file".to_owned(),
                format!("chmod o-r {}", self.path),
            )
        })
    }

    /// The document, or every syntax error.
    pub(super) fn parse(&self) -> Result<Spanned<DeValue<'_>>, Faults> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        if errors.is_empty() {
            let span = table.span();
            return Ok(Spanned::new(span, DeValue::Table(table.into_inner())));
        }
        // Recovery may stumble twice over one place; the first word is the truest.
        let mut distinct = errors;
        distinct.dedup_by_key(|error| error.span());
        Err(Faults::new(distinct.iter().map(|error| self.syntax_fault(error))))
    }

    fn syntax_fault(&self, error: &toml::de::Error) -> Fault {
        let span = error.span().unwrap_or_default();
        let (problem, allowed) = match error.message().split_once(", expected ") {
            // "expected literal string" would only be half of what may stand there.
            Some((problem @ "string values must be quoted", _)) => (problem, None),
            Some((problem, expected)) => (problem, Some(expected.to_owned())),
            None => (error.message(), None),
        };
        Fault {
            severity: Severity::Error,
            place: self.place(&span, mask::broken_line),
            key: String::new(),
            problem: format!("not valid TOML: {problem}"),
            given: None,
            allowed,
            fix: syntax_fix(problem).to_owned(),
        }
    }

    /// Where `span` stands, for showing.
    pub(super) fn place_of(&self, span: &Range<usize>) -> Place {
        self.place(span, |text, line, focus| mask::parsed_line(text, line, &self.leaves, focus))
    }

    fn place(
        &self,
        span: &Range<usize>,
        mask: impl Fn(&str, Range<usize>, &Range<usize>) -> mask::Masked,
    ) -> Place {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        // A byte order mark is no part of the line that anyone sees.
        let line_start =
            before.rfind('\n').map_or(self.text.len() - self.without_mark().len(), |at| at + 1);
        let length = self.text[line_start..].find('\n').unwrap_or(self.text.len() - line_start);
        let line = self.text[line_start..line_start + length].trim_end_matches('\r');
        let masked =
            mask(&self.text, line_start..line_start + line.len(), &(start..span.end.max(start)));
        Place::Line(Line {
            path: self.path.clone(),
            number: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: self.text[line_start.min(start)..start].chars().count() + 1,
            text: masked.text,
            caret: masked.caret,
        })
    }

    fn without_mark(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    /// A fault of the file as a whole.
    pub(super) fn whole(&self, problem: String, fix: String) -> Fault {
        whole_file(&self.path, problem, fix)
    }
}

fn whole_file(path: &str, problem: String, fix: String) -> Fault {
    Fault {
        severity: Severity::Error,
        place: Place::File(path.to_owned()),
        key: String::new(),
        problem,
        given: None,
        allowed: None,
        fix,
    }
}

fn syntax_fix(problem: &str) -> &'static str {
    match problem {
        "string values must be quoted" => "put the text in double quotes, as in timeout = \"30s\"",
        "duplicate key" => "keep one of the two, or give the second its own name",
        "key with no value" => "write key = value, or put a # before a comment",
        "unclosed table" => "close the section's name, as in [database] or [[endpoints]]",
        problem if problem.starts_with("missing comma") => "put a comma before it",
        problem if problem.starts_with("extra comma") => "leave one comma out",
        problem if problem.starts_with("unexpected key or value") => {
            "put each key on a line of its own, and a # before a comment"
        }
        problem if problem.contains("string") => {
            "close the quotes, and write \\\\ for a backslash and \\\" for a quote"
        }
        problem if problem.starts_with("unexpected leading zero") => {
            "leave the zero out, or put the value in double quotes"
        }
        problem if problem.starts_with("cannot extend") => {
            "give the section a name that no key has yet"
        }
        _ => "write key = value, with text in double quotes",
    }
}

/// The scalar values of a document, all hidden at first.
pub(super) fn leaves_of(document: &Spanned<DeValue<'_>>) -> Vec<Leaf> {
    fn walk(value: &Spanned<DeValue<'_>>, leaves: &mut Vec<Leaf>) {
        match value.get_ref() {
            DeValue::Array(elements) => elements.iter().for_each(|element| walk(element, leaves)),
            DeValue::Table(table) => table.iter().for_each(|(_, value)| walk(value, leaves)),
            _ => leaves.push(Leaf { span: value.span(), shown: false }),
        }
    }
    let mut leaves = Vec::new();
    walk(document, &mut leaves);
    leaves.sort_by_key(|leaf| leaf.span.start);
    leaves
}
