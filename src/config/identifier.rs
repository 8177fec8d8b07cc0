//! Names of PostgreSQL's tables as one writes them in SQL: `public.orders`, `"Odd"."Name"`.

use super::fault::quoted;
use super::reader::Problem;
use super::value::Value;

/// NAMEDATALEN - 1.
const LONGEST_IDENTIFIER_BYTES: usize = 63;
/// walhook's own tables make no events and take none but its own; the system's are not ours.
const FOREIGN_SCHEMAS: [&str; 3] = ["walhook", "pg_catalog", "information_schema"];

/// A table by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
}

/// A function by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
}

/// Tables by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tables {
    /// One table.
    One(TableName),
    /// Every table of a schema.
    Schema(String),
}

/// Reads a `schema.table`.
pub(super) fn table_name(value: &Value<'_>) -> Option<TableName> {
    match tables(value)? {
        Tables::One(table) => Some(table),
        Tables::Schema(schema) => value.refuse(
            Problem::new("one table is meant", value.assignment(&format!("\"{schema}.orders\"")))
                .given(value.given()),
        ),
    }
}

/// Reads a `schema.function`; empty is none.
pub(super) fn function_name(value: &Value<'_>) -> Option<Option<FunctionName>> {
    if value.is_empty_text() {
        return Some(None);
    }
    let text = value.word()?;
    let parts = parse(&text).unwrap_or_default();
    let [Part::Name(schema), Part::Name(name)] = parts.as_slice() else {
        let fix = value.assignment("\"public.tell\"");
        return value.refuse(
            Problem::new("not a function's name", fix)
                .given(value.given())
                .allowed("schema.function without arguments, with quotes as in SQL; \"\" for none"),
        );
    };
    Some(Some(FunctionName { schema: schema.clone(), name: name.clone() }))
}

/// Reads a `schema.table` or `schema.*`.
pub(super) fn tables(value: &Value<'_>) -> Option<Tables> {
    let text = value.word()?;
    let refuse = |problem: &str, fix: String| {
        value.refuse(
            Problem::new(problem, fix)
                .given(value.given())
                .allowed("schema.table, with quotes as in SQL"),
        )
    };
    let names = match parse(&text) {
        Ok(names) => names,
        Err(IdentifierError::Folds(name)) => {
            let (lower, exact) = (
                text.replace(&name, &name.to_ascii_lowercase()),
                text.replace(&name, &format!("\"{name}\"")),
            );
            let fix = format!(
                "{} or {}",
                value.assignment(&format!("\"{lower}\"")),
                value.assignment(&format!("'{exact}'"))
            );
            return refuse("PostgreSQL folds unquoted names to lower case", fix);
        }
        Err(IdentifierError::Malformed) => {
            return refuse("not a table's name", value.assignment("\"public.orders\""));
        }
    };
    let (schema, name) = match names.as_slice() {
        [Part::Name(schema), Part::Name(name)] => (schema, Some(name)),
        [Part::Name(schema), Part::All] => (schema, None),
        [Part::Name(name)] => {
            return refuse(
                "the schema is missing",
                value.assignment(&format!("\"public.{name}\"")),
            );
        }
        _ => return refuse("not a table's name", value.assignment("\"public.orders\"")),
    };
    if FOREIGN_SCHEMAS.contains(&schema.as_str()) {
        let problem = format!("tables of the schema {} cannot be used here", quoted(schema));
        return refuse(&problem, "name a table of your own".to_owned());
    }
    Some(match name {
        Some(name) => Tables::One(TableName { schema: schema.clone(), name: name.clone() }),
        None => Tables::Schema(schema.clone()),
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Name(String),
    All,
}

#[derive(Debug, PartialEq, Eq)]
enum IdentifierError {
    /// An unquoted name with upper-case letters: what is meant is anyone's guess.
    Folds(String),
    Malformed,
}

/// The parts between dots.
fn parse(text: &str) -> Result<Vec<Part>, IdentifierError> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, behind) = part(rest)?;
        parts.push(part);
        match behind.strip_prefix('.') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(parts),
            None => return Err(IdentifierError::Malformed),
        }
    }
}

fn part(text: &str) -> Result<(Part, &str), IdentifierError> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok((Part::All, rest));
    }
    if let Some(rest) = text.strip_prefix('"') {
        return quoted_part(rest);
    }
    let (name, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let plain =
        !name.starts_with(|c: char| c.is_ascii_digit() || c == '$') && name.chars().all(inside);
    if !plain || !fits(name) {
        return Err(IdentifierError::Malformed);
    }
    match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Err(IdentifierError::Folds(name.to_owned())),
        false => Ok((Part::Name(name.to_owned()), rest)),
    }
}

/// The part after an opening quote; a doubled quote inside is one quote.
fn quoted_part(text: &str) -> Result<(Part, &str), IdentifierError> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once('"').ok_or(IdentifierError::Malformed)?;
        name.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if fits(&name) && !name.contains('\0') => return Ok((Part::Name(name), behind)),
            None => return Err(IdentifierError::Malformed),
        }
    }
}

/// Whether PostgreSQL would keep `name` whole.
pub(super) fn fits(name: &str) -> bool {
    (1..=LONGEST_IDENTIFIER_BYTES).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: &[&str]) -> Result<Vec<Part>, IdentifierError> {
        Ok(parts.iter().map(|part| Part::Name((*part).to_owned())).collect())
    }

    #[test]
    fn names_read_as_in_sql() {
        for (text, wanted) in [
            ("public.orders", vec!["public", "orders"]),
            (r#""Odd Schema"."Ta""ble""#, vec!["Odd Schema", "Ta\"ble"]),
            (r#"public."a.b""#, vec!["public", "a.b"]),
            ("größe._x$1", vec!["größe", "_x$1"]),
            ("orders", vec!["orders"]),
        ] {
            assert_eq!(parse(text), names(&wanted), "{text}");
        }
        assert_eq!(parse("billing.*").unwrap()[1], Part::All);
    }

    #[test]
    fn what_postgres_would_read_otherwise_is_refused() {
        assert_eq!(parse("public.Orders"), Err(IdentifierError::Folds("Orders".to_owned())));
        let long = "x".repeat(64);
        for text in
            ["", ".", "a.", ".a", "a..b", "1a", "a b", "a-b", "\"a", "\"\"", "\"a\"b", "a;b", &long]
        {
            assert_eq!(parse(text), Err(IdentifierError::Malformed), "{text}");
        }
    }
}
