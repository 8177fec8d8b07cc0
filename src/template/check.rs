//! Names in a template that do not exist, found before an event needs them.

use minijinja::Environment;
use minijinja::machinery::{Instruction, get_compiled_template};

use super::place::Place;
use super::{NAME, TemplateError};

/// Members of a payload: the variables of a template.
pub const MEMBERS: &[&str] = &[
    "id",
    "type",
    "event",
    "schema_version",
    "timestamp",
    "model",
    "object",
    "changes",
    "user",
    "changes_complete",
    "unavailable",
    "source",
    "origin",
];

/// Filters that a template may use.
#[rustfmt::skip]
pub const FILTERS: &[&str] = &[
    "abs", "attr", "batch", "bool", "capitalize", "chain", "count", "d", "default", "dictsort",
    "first", "float", "format", "groupby", "indent", "int", "items", "join", "last", "length",
    "lines", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse",
    "round", "safe", "select", "selectattr", "slice", "sort", "split", "string", "sum", "title",
    "tojson", "trim", "unique", "upper", "zip",
];

/// Tests that may follow `is`.
#[rustfmt::skip]
pub const TESTS: &[&str] = &[
    "boolean", "defined", "divisibleby", "endingwith", "eq", "equalto", "even", "false", "float",
    "ge", "greaterthan", "gt", "in", "int", "integer", "iterable", "le", "lessthan", "lower",
    "lt", "mapping", "ne", "none", "number", "odd", "sameas", "sequence", "startingwith",
    "string", "true", "undefined", "upper",
];

/// Functions that a template may call.
pub const FUNCTIONS: &[&str] = &["dict", "range"];

/// A recursive loop calls itself.
const LOOP: &str = "loop";

/// Values have no methods; the loop has these.
const LOOP_METHODS: &[&str] = &["changed", "cycle"];

/// Looks for the first name of `source`, the template of `environment`, that does not exist.
pub(super) fn names(source: &str, environment: &Environment<'static>) -> Result<(), TemplateError> {
    let Ok(template) = environment.get_template(NAME) else { return Ok(()) };
    let undeclared = template.undeclared_variables(false);
    let instructions = &get_compiled_template(&template).instructions;
    let is_variable = |name: &str| MEMBERS.contains(&name) || !undeclared.contains(name);
    for index in 0.. {
        let Some(instruction) = instructions.get(index) else { break };
        let problem = match instruction {
            Instruction::ApplyFilter(name, ..) if !FILTERS.contains(name) => {
                unknown("filter", name, FILTERS)
            }
            Instruction::PerformTest(name, ..) if !TESTS.contains(name) => {
                unknown("test", name, TESTS)
            }
            Instruction::CallFunction(name, _) if !FUNCTIONS.contains(name) && *name != LOOP => {
                unknown("function", name, FUNCTIONS)
            }
            Instruction::CallMethod(name, _) if !LOOP_METHODS.contains(name) => {
                let fix =
                    if FILTERS.contains(name) { format!("; write |{name}") } else { String::new() };
                format!("values have no methods, and so no {name}(){fix}")
            }
            Instruction::Lookup(name)
                if !is_variable(name) && !FUNCTIONS.contains(name) && *name != LOOP =>
            {
                unknown("member of the payload", name, MEMBERS)
            }
            _ => continue,
        };
        let offset = instructions.get_span(index).map(|span| span.start_offset as usize);
        let place = offset.map_or_else(Place::default, |offset| Place::of_offset(source, offset));
        return Err(TemplateError { place, problem });
    }
    Ok(())
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let closest = known
        .iter()
        .map(|word| (strsim::osa_distance(name, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min_by_key(|(distance, _)| *distance);
    match closest {
        Some((_, word)) => format!("there is no {what} called {name}; did you mean {word}?"),
        None => format!("there is no {what} called {name}; there is {}", known.join(", ")),
    }
}
