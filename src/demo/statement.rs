//! The shop's statements: run with parameters, shown with them filled in.

use tokio_postgres::types::ToSql;

/// A parameter that can be shown.
pub(super) enum Argument {
    /// A bigint.
    Id(i64),
    /// An integer.
    Count(i32),
    /// Text.
    Text(String),
}

impl Argument {
    /// Text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// As the driver takes it.
    pub(super) fn bound(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Id(id) => id,
            Self::Count(count) => count,
            Self::Text(text) => text,
        }
    }

    fn literal(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

/// `sql` on one line, without its comments, and with `arguments` in place of `$1`, `$2`, ….
pub(super) fn shown(sql: &str, arguments: &[Argument]) -> String {
    let lines = sql.lines().filter(|line| !line.starts_with("--"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let (first, rest) = words.split_first().unwrap_or((&"", &[]));
    let mut text = (*first).to_owned();
    for word in rest {
        text.push(' ');
        text.push_str(&filled(word, arguments));
    }
    text
}

/// One word with its parameter, if it has one, filled in; `($1,` keeps its punctuation.
fn filled(word: &str, arguments: &[Argument]) -> String {
    let Some((before, after)) = word.split_once('$') else { return word.to_owned() };
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let (number, after) = after.split_at(digits);
    // A literal needs no cast to be understood.
    let after = after.strip_prefix("::integer").unwrap_or(after);
    let argument = number.parse::<usize>().ok().and_then(|n| arguments.get(n.checked_sub(1)?));
    match argument {
        Some(argument) => format!("{before}{}{after}", argument.literal()),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_as_it_would_be_typed() {
        let arguments = [Argument::Text("O'Hara $2".to_owned()), Argument::Count(-2)];
        let sql = "-- name\nupdate t\nset a = $1, b = b + $2\nwhere c = ($1), d = $2::integer,\n";
        assert_eq!(
            shown(sql, &arguments),
            "update t set a = 'O''Hara $2', b = b + -2 where c = ('O''Hara $2'), d = -2,"
        );
    }
}
