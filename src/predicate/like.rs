//! `like`: `%` for any text, `_` for one character, `\` before what stands for itself.

use super::error::EvalError;

/// Whether the whole of `text` is as `pattern` says.
///
/// Only the last `%` is ever gone back to, so hostile patterns cost time but no stack. A pattern
/// that ends in a lone `\` is an error where PostgreSQL comes upon it, and only there.
pub(super) fn matches(text: &[u8], pattern: &[u8]) -> Result<bool, EvalError> {
    let (mut at, mut place) = (0, 0);
    // Where the pattern goes on after the last `%`, and the text that it has not taken yet.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if at == text.len() {
            return Ok(pattern[place..].iter().all(|byte| *byte == b'%'));
        }
        let fits = match pattern.get(place) {
            Some(b'%') => {
                match after_star(text, pattern, (at, place))? {
                    Next::Decided(is_match) => return Ok(is_match),
                    Next::GoOn(next, rest) => {
                        (at, place) = (next, rest);
                        star = Some((rest, next));
                    }
                }
                continue;
            }
            Some(b'_') => {
                at = next_character(text, at);
                place += 1;
                continue;
            }
            Some(b'\\') => {
                place += 1;
                let literal = pattern.get(place).ok_or(EvalError::LoneEscape)?;
                *literal == text[at]
            }
            Some(literal) => *literal == text[at],
            None => false,
        };
        if fits {
            at += 1;
            place += 1;
            continue;
        }
        let Some((rest, from)) = star else { return Ok(false) };
        let from = next_character(text, from);
        (at, place) = (from, rest);
        star = Some((rest, from));
    }
}

enum Next {
    Decided(bool),
    GoOn(usize, usize),
}

/// Takes a run of `%` and `_`.
fn after_star(
    text: &[u8],
    pattern: &[u8],
    (mut at, mut place): (usize, usize),
) -> Result<Next, EvalError> {
    loop {
        match pattern.get(place) {
            Some(b'%') => place += 1,
            Some(b'_') if at == text.len() => return Ok(Next::Decided(false)),
            Some(b'_') => {
                at = next_character(text, at);
                place += 1;
            }
            None => return Ok(Next::Decided(true)),
            Some(b'\\') if place + 1 == pattern.len() => return Err(EvalError::LoneEscape),
            // Something must still come, and there is nothing left.
            Some(_) if at == text.len() => return Ok(Next::Decided(false)),
            Some(_) => return Ok(Next::GoOn(at, place)),
        }
    }
}

fn next_character(text: &[u8], at: usize) -> usize {
    let rest = text.get(at + 1..).unwrap_or_default();
    at + 1 + rest.iter().take_while(|byte| is_continuation(**byte)).count()
}

/// Characters of UTF-8.
pub(super) fn characters(text: &[u8]) -> i64 {
    text.iter().filter(|byte| !is_continuation(**byte)).count() as i64
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts_by_characters() {
        for (text, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "%b%", true),
            ("abc", "_b_", true),
            ("abc", "ab", false),
            ("", "", true),
            ("", "%%", true),
            ("", "_", false),
            ("äöü", "_ö_", true),
            ("äöü", "__", false),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("aab", "%ab", true),
            ("abab", "%_ab", true),
            ("mississippi", "%iss%ip%", true),
            ("mississippi", "%iss%iss%iss%", false),
        ] {
            assert_eq!(
                matches(text.as_bytes(), pattern.as_bytes()),
                Ok(expected),
                "{text} {pattern}"
            );
        }
        assert_eq!(matches(b"ab", br"a\"), Err(EvalError::LoneEscape));
        assert_eq!(matches(b"b", br"a\"), Ok(false), "PostgreSQL never comes to the escape");
    }

    #[test]
    fn a_hostile_pattern_ends_without_deep_recursion() {
        let text = "a".repeat(2000);
        let pattern = "%a".repeat(100_000);
        assert_eq!(matches(text.as_bytes(), pattern.as_bytes()), Ok(false));
    }
}
