//! What is wrong with a configuration, fit to be shown: where, what, and the exact fix.
//!
//! Nothing in here holds a secret: source lines arrive masked, and values of secret-bearing keys
//! are never put into `given`.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    omitted: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether walhook refuses to run with it.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// The key, as in `endpoints[0].timeout`; empty if it concerns no key.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// The value given, unless it might be a secret.
    pub given: Option<String>,
    /// What would be accepted.
    pub allowed: Option<String>,
    /// What to write instead.
    pub fix: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// walhook does not run with it.
    Error,
    /// `check` mentions it.
    Warning,
}

/// Where a fault stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of the file.
    Line(Line),
    /// The file as a whole.
    File(String),
    /// An environment variable.
    Variable(String),
}

/// A line of the file, its secrets masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file.
    pub path: String,
    /// Line number, from 1.
    pub number: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line's text, fit to be shown.
    pub text: String,
    /// What is meant: bytes of `text`.
    pub caret: Range<usize>,
}

/// More than anyone reads; the bound keeps a broken 1 MB file from becoming a report of 1 GB.
pub(super) const MOST_FAULTS: usize = 200;

impl Faults {
    /// Keeps the first of `faults`; the rest is counted, not made.
    pub(super) fn new(faults: impl ExactSizeIterator<Item = Fault>) -> Self {
        let omitted = faults.len().saturating_sub(MOST_FAULTS);
        Self { list: faults.take(MOST_FAULTS).collect(), omitted }
    }

    pub(super) fn one(fault: Fault) -> Self {
        Self { list: vec![fault], omitted: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.list.iter()
    }

    /// All of them as text with terminal colours.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut texts: Vec<String> = self.list.iter().map(|fault| fault.render(renderer)).collect();
        if self.omitted > 0 {
            texts.push(format!("and {} more", self.omitted));
        }
        texts.join("\n\n")
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Faults {}

impl Fault {
    /// The fault as text with terminal colours.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = match self.key.as_str() {
            "" => self.problem.clone(),
            key => format!("{key}: {}", self.problem),
        };
        let notes = [
            ("given", self.given.as_ref()),
            ("allowed", self.allowed.as_ref()),
            ("fix", Some(&self.fix)),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .map(|(name, text)| Element::from(Level::NOTE.with_name(name).message(text.as_str())));
        let report = level.primary_title(title).element(self.place.element()).elements(notes);
        renderer.render(&[report])
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl Place {
    fn element(&self) -> Element<'_> {
        match self {
            Self::Line(line) => Snippet::source(line.text.as_str())
                .line_start(line.number)
                .path(line.path.as_str())
                .annotation(AnnotationKind::Primary.span(line.caret.clone()))
                .into(),
            Self::File(path) => Origin::path(path.as_str()).into(),
            Self::Variable(name) => Origin::path(format!("environment variable {name}")).into(),
        }
    }
}

/// A user's word inside a message: escaped and cut.
pub(super) fn quoted(word: &str) -> String {
    format!("`{}`", cut(word))
}

/// The same without quotes around it.
pub(super) fn cut(word: &str) -> String {
    const LONGEST: usize = 80;
    let cut: String = word.chars().take(LONGEST).collect();
    let more = if cut.len() < word.len() { "…" } else { "" };
    format!("{}{more}", cut.escape_debug())
}
