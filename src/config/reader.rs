//! One reading of the configuration: what it may look at, and what it gathers on the way.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use super::environment::Environment;
use super::fault::{Fault, Faults, MOST_FAULTS, Place, Severity};
use super::source::Source;

/// What a whole reading gathers.
pub(super) struct Reader<'a> {
    pub(super) environment: &'a Environment,
    /// Relative paths in the file mean the file's directory.
    pub(super) directory: &'a Path,
    gathered: RefCell<Gathered>,
}

/// What was gathered.
#[derive(Default)]
pub(super) struct Gathered {
    drafts: Vec<(Spot, Draft)>,
    /// First bytes of the scalars that may be seen.
    shown: BTreeSet<usize>,
    /// Patterns of the keys that were asked for, as in `endpoints[].timeout`.
    pub(super) known: BTreeSet<String>,
    /// Where each key path stands in the file.
    pub(super) places: BTreeMap<String, Range<usize>>,
}

/// Where a fault stands, before it can be shown.
#[derive(Clone, Debug)]
pub(super) enum Spot {
    Span(Range<usize>),
    Variable(String),
    Nowhere,
}

/// A fault before it can be shown: what may be seen of its line is only known at the end.
struct Draft {
    severity: Severity,
    key: String,
    problem: Problem,
}

/// What is wrong with a value.
pub(super) struct Problem {
    pub(super) problem: String,
    pub(super) given: Option<String>,
    pub(super) allowed: Option<String>,
    pub(super) fix: String,
}

impl Problem {
    /// What is wrong, and what to write instead.
    pub(super) fn new(problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { problem: problem.into(), given: None, allowed: None, fix: fix.into() }
    }

    pub(super) fn allowed(self, allowed: impl Into<String>) -> Self {
        Self { allowed: Some(allowed.into()), ..self }
    }

    /// Only for values that cannot be secrets.
    pub(super) fn given(self, given: impl Into<String>) -> Self {
        Self { given: Some(given.into()), ..self }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment, directory: &'a Path) -> Self {
        Self { environment, directory, gathered: RefCell::default() }
    }

    /// Keeps a fault or warning of the key at `path`.
    pub(super) fn note(&self, severity: Severity, spot: Spot, path: &str, problem: Problem) {
        let draft = Draft { severity, key: path.to_owned(), problem };
        self.gathered.borrow_mut().drafts.push((spot, draft));
    }

    /// Lets the scalar that begins at byte `start` be seen.
    pub(super) fn show(&self, start: usize) {
        self.gathered.borrow_mut().shown.insert(start);
    }

    /// Keeps that the key at `pattern` was asked for.
    pub(super) fn know(&self, pattern: String) {
        self.gathered.borrow_mut().known.insert(pattern);
    }

    /// Keeps where the key at `path` stands, for faults that only the database shows.
    pub(super) fn keep_place(&self, path: String, span: Range<usize>) {
        self.gathered.borrow_mut().places.insert(path, span);
    }

    /// Patterns of the keys that were asked for.
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.gathered.borrow().known.clone()
    }

    /// Ends the reading of a row: what is wrong, each with its fix, in one line.
    pub(super) fn problems(self) -> Vec<String> {
        let drafts = self.gathered.into_inner().drafts.into_iter();
        let errors = drafts.filter(|(_, draft)| draft.severity == Severity::Error);
        let one_line = errors.map(|(_, draft)| {
            let Draft { key, problem: Problem { problem, given, allowed, fix }, .. } = draft;
            let given = given.map(|given| format!(" (given: {given})")).unwrap_or_default();
            let allowed =
                allowed.map(|allowed| format!("; allowed: {allowed}")).unwrap_or_default();
            format!("{key}: {problem}{given}{allowed}; fix: {fix}")
        });
        one_line.take(MOST_FAULTS).collect()
    }

    /// Ends the reading: the faults and the warnings in the order of the file, fit to be shown,
    /// and where each key stands.
    pub(super) fn finish(self, source: &mut Source) -> (Faults, Vec<Fault>, Gathered) {
        let mut gathered = self.gathered.into_inner();
        for leaf in &mut source.leaves {
            leaf.shown = gathered.shown.contains(&leaf.span.start);
        }
        let mut drafts = std::mem::take(&mut gathered.drafts);
        drafts.sort_by_key(|(spot, _)| match spot {
            Spot::Nowhere => (0, 0),
            Spot::Span(span) => (1, span.start),
            Spot::Variable(_) => (2, 0),
        });
        let (errors, warnings): (Vec<_>, Vec<_>) =
            drafts.into_iter().partition(|(_, draft)| draft.severity == Severity::Error);
        let show = |drafts: Vec<(Spot, Draft)>| {
            drafts.into_iter().map(|(spot, draft)| finished(spot, draft, source))
        };
        let errors = Faults::new(show(errors));
        (errors, show(warnings).take(MOST_FAULTS).collect(), gathered)
    }
}

fn finished(spot: Spot, draft: Draft, source: &Source) -> Fault {
    let place = match spot {
        Spot::Span(span) => source.place_of(&span),
        Spot::Variable(name) => Place::Variable(name),
        Spot::Nowhere => Place::File(source.path.clone()),
    };
    let Problem { problem, given, allowed, fix } = draft.problem;
    Fault { severity: draft.severity, place, key: draft.key, problem, given, allowed, fix }
}
