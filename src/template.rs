//! Templates: what an endpoint's `transform` makes of a payload.
//!
//! Pure and bounded: a template reads the payload that it is given and nothing else, has fuel for
//! so much work and memory, and what it makes is one JSON value or an error. Neither errors nor
//! `Debug` show a value of the payload or a text of the template, which may have come from the
//! environment.
//!
//! Fuel does not see how long the text of a list is before it is made: one that holds itself many
//! times over, turned into a text by `~`, takes what memory there is. So templates are as trusted
//! as the file that they stand in, and in SQL only `walhook_admin` writes them.

mod check;
mod number;
mod output;
mod payload;
mod place;
mod rendering;
mod write;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use sha2::{Digest, Sha256};

pub use check::{FILTERS, FUNCTIONS, MEMBERS, TESTS};
pub use place::Place;
pub use rendering::Rendering;

use payload::Node;

/// A template whose syntax and names were found to be good.
#[derive(Clone)]
pub struct Template {
    program: Arc<Program>,
}

struct Program {
    source: String,
    most_bytes: usize,
    environment: Environment<'static>,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct TemplateError {
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    pub problem: String,
}

/// Why a template made nothing of a payload. Fit for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template {place}: {problem}")]
pub struct RenderError {
    /// Where in it.
    pub place: Place,
    /// What went wrong there.
    pub problem: String,
}

/// Longer ones are not templates but documents.
const MOST_SOURCE_BYTES: usize = 32 * 1024;

/// Instructions that a template may take, some 20 ms; also a sixty-fourth of the bytes that it
/// may make on the way.
const FUEL: u64 = 200_000;

/// Fuel for each so many bytes of the payload: to write an object whole takes a quarter of its bytes.
const BYTES_FOR_FUEL: u64 = 2;

/// The only template of its environment.
const NAME: &str = "transform";

impl Template {
    /// The template that `source` is. What it makes may have `most_bytes`.
    ///
    /// # Errors
    /// [`TemplateError`] where its syntax is wrong, or a name that it uses does not exist.
    pub fn parse(source: &str, most_bytes: usize) -> Result<Self, TemplateError> {
        if source.len() > MOST_SOURCE_BYTES {
            let problem = format!("longer than {} KiB", MOST_SOURCE_BYTES / 1024);
            return Err(TemplateError { place: Place::default(), problem });
        }
        let mut environment = environment(most_bytes);
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| {
            let problem = match (error.kind(), error.detail()) {
                (ErrorKind::SyntaxError, Some(detail)) => detail.to_owned(),
                (kind, _) => kind.to_string(),
            };
            TemplateError { place: Place::of_error(source, &error), problem }
        })?;
        check::names(source, &environment)?;
        Ok(Self {
            program: Arc::new(Program { source: source.to_owned(), most_bytes, environment }),
        })
    }

    /// Its text.
    pub fn source(&self) -> &str {
        &self.program.source
    }

    /// What it makes of `payload`, an object's JSON.
    ///
    /// # Errors
    /// [`RenderError`]; the next payload may do better.
    pub fn render(&self, payload: &Bytes) -> Result<Bytes, RenderError> {
        let Program { source, most_bytes, environment } = &*self.program;
        let mut environment = environment.clone();
        environment.set_fuel(Some(FUEL + payload.len() as u64 / BYTES_FOR_FUEL));
        output::of(&environment, source, Node::root(payload), *most_bytes)
    }

    /// The shape of what it makes of bodies of `shape`: stable, and different for each template.
    pub fn shape(&self, shape: i64) -> i64 {
        let hash = Sha256::new()
            .chain_update(b"template\0")
            .chain_update(shape.to_be_bytes())
            .chain_update(&self.program.source);
        hash.finalize().iter().take(8).fold(0, |bits, byte| bits << 8 | i64::from(*byte))
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.program, &other.program)
            || (self.program.source == other.program.source
                && self.program.most_bytes == other.program.most_bytes)
    }
}

impl Eq for Template {}

/// Its source may hold what came from the environment.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").finish_non_exhaustive()
    }
}

fn environment(most_bytes: usize) -> Environment<'static> {
    let mut environment = Environment::new();
    // Without debug an error has no place.
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| AutoEscape::Json);
    environment.set_formatter(move |out, _, value| match value.as_str() {
        Some(text) if value.is_safe() => Ok(out.write_str(text)?),
        _ => Ok(out.write_str(&write::json_of(value, most_bytes)?)?),
    });
    environment.add_filter("tojson", move |value: Value| {
        write::json_of(&value, most_bytes).map(Value::from_safe_string)
    });
    // A namespace can be nested in itself until its end overflows the stack, and `debug` shows
    // what errors do not.
    ["namespace", "debug"].into_iter().for_each(|name| environment.remove_global(name));
    ["escape", "e", "pprint"].into_iter().for_each(|name| environment.remove_filter(name));
    environment
}

#[cfg(test)]
mod tests;
