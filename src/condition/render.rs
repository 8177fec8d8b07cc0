//! A condition as SQL again, for PostgreSQL to check: every operand in parentheses, every name
//! and text quoted, whatever was written.

use std::fmt::{self, Display, Formatter};

use super::expression::{Case, Expression, Literal, Shape};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Column(side, name) => write!(f, "{}.{}", side.as_str(), Name(name)),
            Self::Event => f.write_str("event"),
            Self::And(parts) => joined(f, parts, " and "),
            Self::Or(parts) => joined(f, parts, " or "),
            Self::Not(inner) => write!(f, "(not {inner})"),
            Self::Is(inner, is, negated) => {
                write!(f, "({inner} is {}{})", not(*negated), is.as_str())
            }
            Self::Compare(comparison, sides) => infix(f, sides, comparison.as_str()),
            Self::Distinct(sides, negated) => {
                let [left, right] = &**sides;
                write!(f, "({left} is {}distinct from {right})", not(*negated))
            }
            Self::In(inner, list, negated) => {
                write!(f, "({inner} {}in (", not(*negated))?;
                list_of(f, list)?;
                f.write_str("))")
            }
            Self::Between(parts, negated) => {
                let [inner, low, high] = &**parts;
                write!(f, "({inner} {}between {low} and {high})", not(*negated))
            }
            Self::Like(sides, case, negated) => {
                let [text, pattern] = &**sides;
                let word = match case {
                    Case::Sensitive => "like",
                    Case::Insensitive => "ilike",
                };
                write!(f, "({text} {}{word} {pattern})", not(*negated))
            }
            Self::Arithmetic(operator, sides) => infix(f, sides, operator.as_str()),
            Self::Negate(inner) => write!(f, "(- {inner})"),
            Self::Cast(inner, target) => write!(f, "cast({inner} as {})", target.as_str()),
            Self::Call(function, inner) => write!(f, "{}({inner})", function.as_str()),
            Self::Coalesce(parts) => {
                f.write_str("coalesce(")?;
                list_of(f, parts)?;
                f.write_str(")")
            }
            Self::Member(sides, Shape::Document) => infix(f, sides, "->"),
            Self::Member(sides, Shape::Text) => infix(f, sides, "->>"),
            Self::CollateC(inner) => write!(f, "({inner} collate \"C\")"),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(text) => write!(f, "({text})"),
            // Without a backslash it means the same whatever standard_conforming_strings says.
            Self::Text(text) if text.contains('\\') => {
                write!(f, "e'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
            }
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
        }
    }
}

struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

fn infix(f: &mut Formatter<'_>, sides: &[Expression; 2], operator: &str) -> fmt::Result {
    let [left, right] = sides;
    write!(f, "({left} {operator} {right})")
}

fn joined(f: &mut Formatter<'_>, parts: &[Expression], word: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        f.write_str(if place == 0 { "(" } else { word })?;
        part.fmt(f)?;
    }
    f.write_str(")")
}

fn list_of(f: &mut Formatter<'_>, parts: &[Expression]) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        f.write_str(if place == 0 { "" } else { ", " })?;
        part.fmt(f)?;
    }
    Ok(())
}
