//! Conditions: SQL boolean expressions over `new`, `old` and `event`, as they are written.
//!
//! Read here without a catalog. What is not supported is refused by the name of the construct,
//! with what to write instead; names and types are for `predicate` and for PostgreSQL.

mod expression;
mod names;
mod reading;
mod render;

use std::str::FromStr;

pub use expression::{
    Case, Comparison, Expression, Function, Is, Literal, Negated, Operator, Shape, Side, Target,
};

/// Longest text of a condition, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// A condition that can be read. What its columns are, is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    text: String,
    expression: Expression,
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ConditionError {
    /// What is wrong; names the construct.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl Condition {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The same as SQL of our own: nothing of the text as written goes into a statement.
    pub fn to_sql(&self) -> String {
        self.expression.to_string()
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    /// Reads a condition.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST {
            let problem = format!("the condition is longer than {LONGEST} bytes");
            return Err(ConditionError { problem, fix: "let a column of the table say it".into() });
        }
        Ok(Self { text: text.to_owned(), expression: reading::read(text)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> String {
        text.parse::<Condition>().unwrap_or_else(|error| panic!("{text}: {error}")).to_sql()
    }

    #[test]
    fn what_is_written_is_rendered_anew() {
        for (text, rendered) in [
            ("new.a = 1", r#"(new."a" = (1))"#),
            ("NEW.A IS NOT NULL", r#"(new."a" is not null)"#),
            (r#"new."A""b" <> '''x\'"#, r#"(new."A""b" <> e'''x\\')"#),
            ("event = 'created' or not old.x", r#"((event = 'created') or (not old."x"))"#),
            ("new.a = -5 and true and (null)", r#"((new."a" = (-5)) and true and null)"#),
            ("new.a between 1 and 2 + 3", r#"(new."a" between (1) and ((2) + (3)))"#),
            ("-new.a < 1", r#"((- new."a") < (1))"#),
            ("new.j -> 'a' ->> 0 like 'x%'", r#"(((new."j" -> 'a') ->> (0)) like 'x%')"#),
            (
                "lower(new.a collate \"C\") in ('x', null)",
                r#"(lower((new."a" collate "C")) in ('x', null))"#,
            ),
            (
                "new.a::int is distinct from old.a",
                r#"(cast(new."a" as integer) is distinct from old."a")"#,
            ),
            ("date '2026-01-01' < new.d", r#"(cast('2026-01-01' as date) < new."d")"#),
            ("coalesce(new.a, 0) not in (1)", r#"(coalesce(new."a", (0)) not in ((1)))"#),
        ] {
            assert_eq!(sql(text), rendered, "{text}");
            assert_eq!(sql(&sql(text).replace("e''", "''").replace("\\\\", "\\")), rendered);
        }
    }

    #[test]
    fn long_lists_are_flat_and_deep_texts_are_refused_without_harm() {
        let long = vec!["new.a = 1"; 500].join(" and ");
        assert!(long.parse::<Condition>().is_ok());
        let at = |open: &str, close: &str| {
            let count = LONGEST / (open.len() + close.len()) - 10;
            format!("{}new.a{}", open.repeat(count), close.repeat(count))
        };
        for text in [
            at("(", ")"),
            at("not ", ""),
            at("- ", ""),
            at("", "+1"),
            at("", "->1"),
            at("", "::int"),
            at("lower(", ")"),
            at("coalesce(", ",1)"),
            at("new.a = ", ""),
            at("", " is null"),
            at("", " collate \"C\""),
            at("[", "]"),
            at("case when ", ""),
            at("(select ", ")"),
            at("", "[1]"),
            "(".repeat(LONGEST),
            "'".repeat(LONGEST - 1),
            "/*".repeat(LONGEST / 2),
        ] {
            let refused = text.parse::<Condition>();
            assert!(refused.is_err(), "{}", &text[..40]);
        }
        assert!(" ".repeat(LONGEST + 1).parse::<Condition>().is_err());
    }
}
