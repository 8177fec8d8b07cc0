//! Source lines fit to be shown: a value is masked unless its reader said that it may be seen.

use std::ops::Range;

/// A scalar value of the file.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) span: Range<usize>,
    /// It is no secret and stands under a key that is known to hold none.
    pub(super) shown: bool,
}

/// A line that may be shown, and where in it `focus` has come to stand.
pub(super) struct Masked {
    pub(super) text: String,
    pub(super) caret: Range<usize>,
}

/// The line of `text` at `line`, of a file that parsed. Comments are left out: who comments out
/// a password does not expect to see it again.
///
/// Characters keep their columns up to the caret, so that the column shown is the file's.
pub(super) fn parsed_line(
    text: &str,
    line: Range<usize>,
    leaves: &[Leaf],
    focus: &Range<usize>,
) -> Masked {
    let mut masked = Builder::new(line.start, focus);
    let mut at = line.start;
    let first = leaves.partition_point(|leaf| leaf.span.end <= line.start);
    for leaf in leaves[first..].iter().take_while(|leaf| leaf.span.start < line.end) {
        let leaf_part = leaf.span.start.max(line.start)..leaf.span.end.min(line.end);
        // Nothing but punctuation, keys and comments stands between two values.
        let between = &text[at..leaf_part.start];
        masked.copy(before_comment(between));
        if before_comment(between).len() < between.len() {
            return masked.finish(line.end);
        }
        match leaf.shown {
            true => masked.copy(&text[leaf_part.clone()]),
            false => masked.hide(&text[leaf_part.clone()]),
        }
        at = leaf_part.end;
    }
    let rest = &text[at.min(line.end)..line.end];
    masked.copy(before_comment(rest).trim_end());
    masked.finish(line.end)
}

/// The same of a file that did not parse, where nobody can tell a secret from a key: only a
/// section's name or a line's first key is shown, and only if walhook knows it.
pub(super) fn broken_line(text: &str, line: Range<usize>, focus: &Range<usize>) -> Masked {
    let whole = &text[line.clone()];
    let mut masked = Builder::new(line.start, focus);
    let known = whole.len() - known_start(whole).len();
    masked.copy(&whole[..known]);
    masked.hide(&whole[known..]);
    masked.finish(line.end)
}

/// What is left of a line after the part that may be shown.
fn known_start(line: &str) -> &str {
    let rest = line.trim_start_matches([' ', '\t', '[']);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    if !KEYS.contains(&&rest[..end]) {
        return rest;
    }
    rest[end..].trim_start_matches([' ', '\t', '=', ']'])
}

/// The part before a `#` that stands outside quotes.
fn before_comment(text: &str) -> &str {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '#') => return &text[..at],
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    text
}

struct Builder<'a> {
    text: String,
    /// Bytes and characters of the original behind us.
    at: usize,
    characters: usize,
    focus: &'a Range<usize>,
    caret: (Option<usize>, Option<usize>),
}

impl<'a> Builder<'a> {
    fn new(at: usize, focus: &'a Range<usize>) -> Self {
        Self { text: String::new(), at, characters: 0, focus, caret: (None, None) }
    }

    fn copy(&mut self, part: &str) {
        for character in part.chars() {
            self.mark();
            // A caret before must not shift what comes after it.
            self.text.push(if character.is_control() { ' ' } else { character });
            self.at += character.len_utf8();
            self.characters += 1;
        }
    }

    fn hide(&mut self, part: &str) {
        self.mark();
        let stars: String = match part.chars().next() {
            Some(quote @ ('"' | '\'')) if part.chars().nth(4).is_some() => {
                format!("{quote}***{quote}")
            }
            _ => part.chars().take(3).map(|_| '*').collect(),
        };
        let inside = self.focus.start > self.at && self.focus.start < self.at + part.len();
        self.text.push_str(&stars);
        if inside {
            let before = part.get(..self.focus.start - self.at).map_or(0, |p| p.chars().count());
            self.pad(self.characters + before);
            self.caret.0 = Some(self.text.len());
        }
        self.at += part.len();
        self.characters += part.chars().count();
    }

    /// Notes where the caret begins and ends, if it is here.
    fn mark(&mut self) {
        if self.at >= self.focus.start && self.caret.0.is_none() {
            self.pad(self.characters);
            self.caret.0 = Some(self.text.len());
        }
        if self.at >= self.focus.end && self.caret.1.is_none() && self.caret.0.is_some() {
            self.caret.1 = Some(self.text.len());
        }
    }

    /// Spaces up to column `characters`: what was hidden before may have been longer.
    fn pad(&mut self, characters: usize) {
        let missing = characters.saturating_sub(self.text.chars().count());
        self.text.extend(std::iter::repeat_n(' ', missing));
    }

    fn finish(mut self, line_end: usize) -> Masked {
        self.mark();
        if self.caret.0.is_none() {
            // The caret stands in what was cut off.
            let behind = self.focus.start.min(line_end).saturating_sub(self.at);
            self.pad(self.characters + behind);
        }
        let start = self.caret.0.unwrap_or(self.text.len());
        let end = self.caret.1.unwrap_or(self.text.len()).max(start);
        Masked { text: self.text, caret: start..end }
    }
}

/// Sections and keys that may be shown in a line that nobody could parse.
pub(super) const KEYS: &[&str] = &[
    "alert_after",
    "alerts",
    "alg",
    "allow_cidrs",
    "allow_http",
    "application",
    "applications",
    "as",
    "auth",
    "backoff_factor",
    "bad_signature",
    "body",
    "ca_file",
    "callback",
    "cert_file",
    "cert_pem",
    "client_id",
    "client_secret",
    "columns",
    "condition",
    "conflict",
    "content",
    "count",
    "database",
    "delivery",
    "disable_after",
    "disable_min_duration",
    "duplicate",
    "each",
    "enabled",
    "encoding",
    "endpoints",
    "event_prefix",
    "event_types",
    "events",
    "exclude_fields",
    "exclude_models",
    "exclude_origins",
    "failed",
    "failure_callback",
    "failure_rest",
    "from",
    "future",
    "handshake",
    "handshake_pending",
    "headers",
    "held",
    "id",
    "id_template",
    "inbound",
    "inbound_errors",
    "include_fields",
    "include_models",
    "include_source",
    "int8",
    "into",
    "jitter",
    "key",
    "key_file",
    "kv",
    "listen",
    "log_payload",
    "log_rejections",
    "max_body_bytes",
    "max_delay",
    "max_event_bytes",
    "max_in_flight",
    "max_retries",
    "memory_budget_mb",
    "method",
    "model",
    "models",
    "name",
    "old_values",
    "on",
    "on_conflict",
    "on_failure",
    "on_gap",
    "ops",
    "ordering",
    "password",
    "past",
    "path",
    "payload",
    "prefix",
    "preset",
    "public_url",
    "publication",
    "quirk",
    "rate_limit_per_second",
    "redact_fields",
    "replay",
    "reply",
    "response_body_bytes",
    "retention",
    "retry",
    "retry_delay",
    "retry_on_status",
    "schedule",
    "scope",
    "secrets",
    "secrets_like",
    "security",
    "sep",
    "shape",
    "shutdown_grace",
    "signature",
    "slot",
    "sources",
    "sql",
    "succeeded",
    "table",
    "tables",
    "take",
    "timeout",
    "timestamp",
    "tls",
    "token",
    "token_url",
    "tolerance_future",
    "tolerance_past",
    "topic_arn",
    "transform",
    "type",
    "types",
    "unavailable",
    "unit",
    "unwrap",
    "url",
    "user",
    "username",
    "value",
    "verify",
    "verify_token",
    "versions",
    "webhook_id",
    "window",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Masks the only line of `text`, whose values are where `leaves` finds them.
    fn parsed(text: &str, leaves: &[(&str, bool)], focus: &str) -> String {
        let span = |part: &str| text.find(part).map(|at| at..at + part.len()).unwrap();
        let leaves: Vec<Leaf> =
            leaves.iter().map(|(part, shown)| Leaf { span: span(part), shown: *shown }).collect();
        let masked = parsed_line(text, 0..text.len(), &leaves, &span(focus));
        format!(
            "{}\n{}{}",
            masked.text,
            " ".repeat(masked.caret.start),
            "^".repeat(masked.caret.len())
        )
    }

    #[test]
    fn only_values_read_as_harmless_are_shown() {
        let line = "a = 'one', b = 'secret'";
        assert_eq!(
            parsed(line, &[("'one'", true), ("'secret'", false)], "'one'"),
            "a = 'one', b = '***'\n    ^^^^^"
        );
        assert_eq!(
            parsed(line, &[("'one'", false), ("'secret'", false)], "a"),
            "a = '***', b = '***'\n^"
        );
    }

    #[test]
    fn the_caret_keeps_the_column_of_the_file() {
        let line = "a = 'a long secret', b = 1";
        let leaves = [("'a long secret'", false), ("1", true)];
        assert_eq!(
            parsed(line, &leaves, "b"),
            "a = '***',           b = 1\n                     ^"
        );
        assert_eq!(
            parsed(line, &leaves, "1"),
            "a = '***', b =           1\n                         ^"
        );
        assert_eq!(parsed(line, &leaves, "'a long secret'"), "a = '***', b = 1\n    ^^^^^");
    }

    #[test]
    fn comments_are_left_out() {
        assert_eq!(parsed("a = 1 # secret", &[("1", true)], "1"), "a = 1\n    ^");
        assert_eq!(parsed("'a#b' = 1", &[("1", true)], "1"), "'a#b' = 1\n        ^");
    }

    #[test]
    fn of_a_broken_line_only_a_known_key_is_shown() {
        let masked = |line: &str| broken_line(line, 0..line.len(), &(0..0)).text;
        for (line, wanted) in [
            ("timeout = 30s", "timeout = ***"),
            ("secrets = ['secret'", "secrets = ***"),
            ("[[endpoints]", "[[endpoints]"),
            ("[models.'secret", "[models***"),
            ("  'secret',", "  '***'"),
            ("c2VjcmV0=", "***"),
            ("old secret: x", "***"),
            ("url 'secret'", "url '***'"),
            ("", ""),
        ] {
            assert_eq!(masked(line), wanted, "{line}");
        }
    }
}
