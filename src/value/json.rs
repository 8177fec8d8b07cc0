//! Reading JSON text without building anything: where a value ends, and whether it is one.
//!
//! Nesting is counted on the heap, a bit a level, so that no document overflows the stack.

use super::string::plain_run;

/// Whether `text` is exactly one JSON value, white space around it allowed.
///
/// Lone surrogates in `\u` escapes pass, as they do in PostgreSQL's json type: the grammar
/// allows them. UTF-8 is not checked.
pub fn is_document(text: &[u8]) -> bool {
    value_end(text, 0).is_some_and(|end| skip_space(text, end) == text.len())
}

/// Whether `text` is a JSON number and nothing else.
pub fn is_number(text: &[u8]) -> bool {
    number_end(text, 0) == Some(text.len())
}

/// The place after the JSON value that begins at `at` or after white space there.
pub fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut open = Nesting::default();
    loop {
        at = skip_space(text, at);
        at = match text.get(at)? {
            b'{' if next_is(text, at + 1, b'}') => skip_space(text, at + 1) + 1,
            b'[' if next_is(text, at + 1, b']') => skip_space(text, at + 1) + 1,
            b'{' => {
                open.push(true);
                at = key_end(text, at + 1)?;
                continue;
            }
            b'[' => {
                open.push(false);
                at += 1;
                continue;
            }
            _ => scalar_end(text, at)?,
        };
        loop {
            let Some(in_object) = open.last() else { return Some(at) };
            at = skip_space(text, at);
            match (text.get(at)?, in_object) {
                (b',', true) => {
                    at = key_end(text, at + 1)?;
                    break;
                }
                (b',', false) => {
                    at += 1;
                    break;
                }
                (b'}', true) | (b']', false) => open.pop(),
                _ => return None,
            }
            at += 1;
        }
    }
}

/// The place after the string whose opening quote is at `at`.
pub fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    if text.get(at - 1) != Some(&b'"') {
        return None;
    }
    loop {
        at += plain_run(text.get(at..)?);
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match text.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    let digits = text.get(at + 2..at + 6)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 6;
                }
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// The place after an object key and its colon, with white space before either.
pub fn key_end(text: &[u8], at: usize) -> Option<usize> {
    let end = string_end(text, skip_space(text, at))?;
    let colon = skip_space(text, end);
    (text.get(colon) == Some(&b':')).then_some(colon + 1)
}

/// The first place from `at` that is not white space.
pub fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

fn next_is(text: &[u8], at: usize, byte: u8) -> bool {
    text.get(skip_space(text, at)) == Some(&byte)
}

fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    let word = |word: &[u8]| text.get(at..)?.starts_with(word).then_some(at + word.len());
    match text.get(at)? {
        b'"' => string_end(text, at),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => number_end(text, at),
    }
}

fn number_end(text: &[u8], mut at: usize) -> Option<usize> {
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match text.get(at)? {
        b'0' => at + 1,
        _ => digits_end(text, at)?,
    };
    if text.get(at) == Some(&b'.') {
        at = digits_end(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        at = digits_end(text, at)?;
    }
    Some(at)
}

fn digits_end(text: &[u8], at: usize) -> Option<usize> {
    let count = text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(at + count)
}

/// Which containers are open, the innermost in the lowest bit: 1 for an object.
#[derive(Default)]
struct Nesting {
    bits: u64,
    depth: usize,
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    fn last(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_grammar_refuses_is_no_document() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":1]",
            "[1}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "truex",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "1 2",
            "nullnull",
            "NaN",
            "'a'",
        ] {
            assert!(!is_document(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_allows_is_a_document() {
        for text in [
            " null ",
            "true",
            "false",
            "0",
            "-0.0e-0",
            "1E400",
            "\"\\u0000\\ud800\\/\"",
            "[]",
            "[ ]",
            "{ }",
            "[[],{},[{}]]",
            "{\"a\" : [1 , 2] ,\"a\":{\"\":\"\"}}\n",
        ] {
            assert!(is_document(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_million_levels_do_not_overflow_the_stack() {
        let depth = 1_000_000;
        let mut text = "[{\"a\":".repeat(depth) + "1" + &"}]".repeat(depth);
        assert!(is_document(text.as_bytes()));
        text.replace_range(text.len() - 1.., "}");
        assert!(!is_document(text.as_bytes()));
    }

    proptest! {
        #[test]
        fn the_verdict_is_that_of_a_real_parser(
            text in "[\\[\\]{},:\"\\\\ \nu0-9eE.+tfnrualse-]{0,24}"
        ) {
            let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert_eq!(is_document(text.as_bytes()), parsed.is_ok());
        }

        #[test]
        fn any_bytes_are_read_to_a_verdict(bytes in any::<Vec<u8>>()) {
            is_document(&bytes);
        }
    }
}
