//! The scalar reads: each either yields a checked value or keeps a fault with its exact fix.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::duration;
use super::expand::{self, ExpandError};
use super::fault::{cut, quoted};
use super::later::{self, Standing};
use super::layers::{Given, Node, Origin, node_of};
use super::reader::Problem;
use super::table::closest;
use super::value::Value;
use crate::secret::Secret;

impl Value<'_> {
    /// A string that is no secret.
    pub(super) fn text(&self) -> Option<String> {
        self.show();
        match &self.node.given {
            Given::Text(text) => self.expanded(text),
            Given::List(_) | Given::Table(_) => {
                self.wrong_type("a string", "write one text in quotes".to_owned())
            }
            _ => {
                let fix = format!(
                    "put it in quotes: {}",
                    self.assignment(&format!("\"{}\"", self.given()))
                );
                self.wrong_type("a string", fix)
            }
        }
    }

    /// The same, but not empty.
    pub(super) fn word(&self) -> Option<String> {
        let text = self.text()?;
        match text.trim().is_empty() {
            true => self
                .refuse(Problem::new("must not be empty", "write a value, or leave the key out")),
            false => Some(text),
        }
    }

    /// A string that may be a secret, or hold one. It is never shown.
    pub(super) fn hidden_text(&self) -> Option<String> {
        let Given::Text(text) = &self.node.given else {
            return self.wrong_type("a string", "put it in quotes".to_owned());
        };
        if expand::is_reference(text) {
            self.show();
        }
        self.expanded(text)
    }

    /// A secret: literal, `${NAME}` or `file:PATH`. Empty is a fault.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.secret_where(|_| true)
    }

    /// A secret that may stand in the file unless `is_secret` says of its text there that it
    /// should not.
    pub(super) fn secret_where(&self, is_secret: impl Fn(&str) -> bool) -> Option<Secret> {
        let text = self.hidden_text()?;
        let is_ours = self.node.origin != Origin::Row;
        let secret = match text.strip_prefix("file:").filter(|_| is_ours) {
            None => {
                self.warn_of_literal(is_secret);
                text
            }
            Some(name) => self.secret_file(name)?,
        };
        match secret.is_empty() {
            true => self.refuse(Problem::new(
                "the secret is empty",
                "give it a value, or leave the key out",
            )),
            false => Some(Secret::new(secret)),
        }
    }

    fn secret_file(&self, name: &str) -> Option<String> {
        self.show();
        let path = self.reader.directory.join(name);
        expand::read_secret(&path).map_or_else(
            |error| {
                let path = quoted(&path.display().to_string());
                let fix = format!("put the secret into {path}, readable by walhook's user");
                self.refuse(Problem::new(format!("no secret from {path}: {error}"), fix))
            },
            Some,
        )
    }

    /// Warns if the file itself holds a secret, as `is_secret` judges the text there.
    pub(super) fn warn_of_literal(&self, is_secret: impl Fn(&str) -> bool) {
        let (Given::Text(text), Origin::File(_)) = (&self.node.given, &self.node.origin) else {
            return;
        };
        if !expand::is_reference(text) && !text.is_empty() && is_secret(text) {
            self.warn(Problem::new(
                "a secret stands literally in the file",
                "write ${NAME} for it and set NAME in walhook's environment, or file:/run/secrets/NAME",
            ));
        }
    }

    /// Whether an empty string was given.
    pub(super) fn is_empty_text(&self) -> bool {
        matches!(&self.node.given, Given::Text(text) if text.is_empty())
    }

    /// Variables are taken as they are: whoever sets one has no need to name another.
    fn expanded(&self, text: &str) -> Option<String> {
        if !matches!(self.node.origin, Origin::File(_)) {
            return Some(text.to_owned());
        }
        match expand::expand(text, self.reader.environment) {
            Ok(expanded) => Some(expanded),
            Err(ExpandError::Unset(name)) => self.refuse(Problem::new(
                format!("the environment variable {name} is not set"),
                format!("set {name} in walhook's environment"),
            )),
            Err(ExpandError::Malformed) => self.refuse(Problem::new(
                "`${` does not begin a reference",
                "write ${NAME} with letters, digits and _, or $${ for a literal ${",
            )),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.show();
        match (&self.node.given, self.variable_text()) {
            (Given::Boolean(flag), _) => Some(*flag),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => self.wrong_type(
                "true or false",
                format!("{} or false, without quotes", self.assignment("true")),
            ),
        }
    }

    /// A whole number within `range`.
    pub(super) fn integer<N: TryFrom<i64>>(&self, range: RangeInclusive<i64>) -> Option<N> {
        self.show();
        let number = match (&self.node.given, self.variable_text()) {
            (Given::Integer(number), _) => number.unwrap_or(i64::MAX),
            (_, Some(text)) if text.parse::<i64>().is_ok() => text.parse().ok()?,
            _ => {
                let likely: Option<i64> = self.given().parse().ok().filter(|n| range.contains(n));
                let fix = match likely {
                    Some(number) => self.assignment(&number.to_string()),
                    None => {
                        format!("write a whole number from {} to {}", range.start(), range.end())
                    }
                };
                return self.wrong_type("a whole number", fix);
            }
        };
        if !range.contains(&number) {
            let nearest = number.clamp(*range.start(), *range.end());
            return self.refuse(
                Problem::new("out of range", self.assignment(&nearest.to_string()))
                    .given(self.given())
                    .allowed(format!("{} to {}", range.start(), range.end())),
            );
        }
        N::try_from(number).ok()
    }

    /// A number within `range`.
    pub(super) fn float(&self, range: RangeInclusive<f64>) -> Option<f64> {
        self.show();
        let number = match (&self.node.given, self.variable_text()) {
            (Given::Float(number), _) => *number,
            // Beyond 2^53 the range refuses it anyway.
            (Given::Integer(Some(number)), _) => *number as f64,
            (_, Some(text)) if text.parse::<f64>().is_ok() => text.parse().ok()?,
            _ => {
                return self
                    .wrong_type("a number", self.assignment(&format!("{:?}", range.start())));
            }
        };
        match range.contains(&number) {
            true => Some(number),
            false => {
                let nearest = if number > *range.end() { range.end() } else { range.start() };
                self.refuse(
                    Problem::new("out of range", self.assignment(&format!("{nearest:?}")))
                        .given(self.given())
                        .allowed(format!("{:?} to {:?}", range.start(), range.end())),
                )
            }
        }
    }

    /// A duration within `range`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.show();
        let allowed =
            || format!("{} to {}", duration::text(*range.start()), duration::text(*range.end()));
        let example = |likely: Option<String>| {
            let text = likely.unwrap_or_else(|| duration::text(*range.end()));
            self.assignment(&format!("\"{text}\""))
        };
        let given = match &self.node.given {
            Given::Text(text) => self.expanded(text)?,
            Given::Integer(Some(_)) => self.given(),
            _ => {
                let likely = duration::likely(&self.given(), &range);
                return self.wrong_type("a duration", example(likely));
            }
        };
        let Some(duration) = duration::parse(&given) else {
            let plain = given.bytes().all(|b| b.is_ascii_digit()) && !given.is_empty();
            let problem = if plain { "a duration needs a unit" } else { "not a duration" };
            return self.refuse(
                Problem::new(problem, example(duration::likely(&self.given(), &range)))
                    .given(self.given())
                    .allowed(format!("a whole number with ms, s, m, h or d, from {}", allowed())),
            );
        };
        if !range.contains(&duration) {
            let nearest = duration::text(duration.clamp(*range.start(), *range.end()));
            return self.refuse(
                Problem::new("out of range", self.assignment(&format!("\"{nearest}\"")))
                    .given(self.given())
                    .allowed(allowed()),
            );
        }
        Some(duration)
    }

    /// How far off a time may be: a duration, or a plain number of seconds. 0 is off.
    pub(super) fn tolerance(&self, most: Duration) -> Option<Option<Duration>> {
        self.show();
        let text = match &self.node.given {
            Given::Text(text) => self.expanded(text)?,
            _ => self.given(),
        };
        let seconds = text.trim().parse().ok().map(Duration::from_secs);
        match seconds.or_else(|| duration::parse(&text)) {
            Some(tolerance) if tolerance <= most => {
                Some(Some(tolerance).filter(|tolerance| !tolerance.is_zero()))
            }
            _ => self.refuse(
                Problem::new("not a length of time", self.assignment("\"300s\""))
                    .given(self.given())
                    .allowed(format!(
                        "a whole number of seconds, or one with ms, s, m, h or d, up to {}; 0 for off",
                        duration::text(most)
                    )),
            ),
        }
    }

    /// One element, or a list of at most `most`.
    pub(super) fn one_or_more<T>(
        &self,
        most: usize,
        each: impl Fn(&Value<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match self.is_list() {
            true => self.list(most, each),
            false => each(self).map(|one| vec![one]),
        }
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let given = self.text()?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == given) {
            return Some(*meaning);
        }
        if later::standing(&self.pattern, &self.node.given) == Standing::Refused {
            return self.refuse(Problem::new(
                format!("{} is not supported yet", quoted(&given)),
                self.assignment(&format!("\"{}\"", words[0].0)),
            ));
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let likely = closest(&given, &known).unwrap_or(known[0]);
        self.refuse(
            Problem::new(
                "not one of the possible values",
                self.assignment(&format!("\"{likely}\"")),
            )
            .given(self.given())
            .allowed(known.join(", ")),
        )
    }

    /// A string, number or truth as text.
    pub(super) fn scalar(&self) -> Option<String> {
        match &self.node.given {
            Given::Integer(Some(_)) | Given::Float(_) | Given::Boolean(_) => {
                self.show();
                Some(self.given())
            }
            _ => self.text(),
        }
    }

    /// A path; relative ones mean the file's directory. Empty is none.
    pub(super) fn path(&self) -> Option<Option<PathBuf>> {
        let text = self.text()?;
        Some((!text.is_empty()).then(|| self.reader.directory.join(text)))
    }

    /// A list with at most `most` elements; each is read, and all must be good.
    pub(super) fn list<T>(
        &self,
        most: usize,
        each: impl Fn(&Value<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let split;
        let nodes = match (&self.node.given, self.variable_text()) {
            (Given::List(nodes), _) => nodes,
            (_, Some(text)) => {
                split = self.split(text)?;
                &split
            }
            _ => {
                return self.wrong_type(
                    "a list",
                    format!("put it in brackets: {}", self.assignment("[ … ]")),
                );
            }
        };
        if nodes.len() > most {
            return self.refuse(
                Problem::new(format!("{} elements", nodes.len()), "leave some out")
                    .allowed(format!("at most {most} elements")),
            );
        }
        let read: Vec<Option<T>> = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| each(&self.element(index, node)))
            .collect();
        read.into_iter().collect()
    }

    /// The elements of a list given as a variable: TOML's brackets, or words between commas.
    fn split(&self, text: &str) -> Option<Vec<Node>> {
        if text.trim_start().starts_with('[') {
            return match self.inline(text).map(|node| node.given) {
                Some(Given::List(nodes)) => Some(nodes),
                _ => self.refuse(Problem::new("not a list", "write [\"a\", \"b\"], or a,b")),
            };
        }
        let node = |word: &str| Node {
            origin: self.node.origin.clone(),
            given: Given::Text(word.to_owned()),
        };
        Some(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(node).collect())
    }

    /// A variable's text read as TOML.
    pub(super) fn inline(&self, text: &str) -> Option<Node> {
        let value = DeValue::parse(text.trim()).ok()?;
        Some(node_of(&value, &|_| self.node.origin.clone()))
    }

    fn variable_text(&self) -> Option<&str> {
        match (&self.node.given, &self.node.origin) {
            (Given::Text(text), Origin::Variable(_)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn wrong_type<T>(&self, wanted: &str, fix: String) -> Option<T> {
        let found = match &self.node.given {
            Given::Text(_) => "a string",
            Given::Integer(_) => "a whole number",
            Given::Float(_) => "a number",
            Given::Boolean(_) => "true or false",
            Given::Date => "a date",
            Given::List(_) => "a list",
            Given::Table(_) => "a table",
        };
        self.refuse(Problem::new(format!("expected {wanted}, found {found}"), fix))
    }

    /// The value as given, references unexpanded; only for what is no secret.
    pub(super) fn given(&self) -> String {
        match &self.node.given {
            Given::Text(text) => cut(text),
            Given::Integer(Some(number)) => number.to_string(),
            Given::Integer(None) => "a number beyond 64 bits".to_owned(),
            Given::Float(number) => format!("{number:?}"),
            Given::Boolean(flag) => flag.to_string(),
            Given::Date => "a date".to_owned(),
            Given::List(_) => "[ … ]".to_owned(),
            Given::Table(_) => "{ … }".to_owned(),
        }
    }

    /// `key = value` as the fix to write; inside a list just the value.
    pub(super) fn assignment(&self, value: &str) -> String {
        match (self.key.as_str(), &self.node.origin) {
            (_, Origin::Variable(name)) => format!("{name}={}", value.trim_matches('"')),
            ("", _) => value.to_owned(),
            (key, _) => format!("{key} = {value}"),
        }
    }
}
