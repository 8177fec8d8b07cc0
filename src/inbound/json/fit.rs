//! What jsonb cannot hold though it is valid JSON.

use super::walk::end_of_string;

/// Levels of nesting that PostgreSQL takes for sure: with its default stack of 2 MB, PostgreSQL 15
/// takes 13,000 and a little, and functions that work on the value need some of it too.
const MOST_LEVELS: usize = 6_000;

/// Digits of a `numeric` before its point, and after it.
const MOST_DIGITS_BEFORE: i64 = 131_072;
const MOST_DIGITS_AFTER: i64 = 16_383;
/// PostgreSQL refuses larger ones whatever they are the exponents of, even of zero.
const LARGEST_EXPONENT: i64 = i32::MAX as i64 / 2 - 1;

/// Whether jsonb can hold the valid JSON `bytes`.
pub(super) fn fits(bytes: &[u8]) -> bool {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => {
                let end = end_of_string(bytes, at);
                if !is_text(&bytes[at..end]) {
                    return false;
                }
                end
            }
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                if !is_numeric(&bytes[at..end]) {
                    return false;
                }
                end
            }
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            _ => at + 1,
        };
        if depth > MOST_LEVELS {
            return false;
        }
        at = end;
    }
    true
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Whether the quoted string has neither `\u0000` nor half of a surrogate pair.
fn is_text(quoted: &[u8]) -> bool {
    let mut rest = quoted;
    let mut awaits_low = false;
    while let Some(found) = memchr::memchr(b'\\', rest) {
        let unit = match rest.get(found + 1) {
            Some(b'u') => rest.get(found + 2..found + 6).and_then(code_unit),
            _ => None,
        };
        let is_low = unit.is_some_and(|unit| (0xDC00..0xE000).contains(&unit));
        // The low half must follow at once.
        if (awaits_low && found != 0) || awaits_low != is_low || unit == Some(0) {
            return false;
        }
        awaits_low = unit.is_some_and(|unit| (0xD800..0xDC00).contains(&unit));
        let length = if unit.is_some() { 6 } else { 2 };
        rest = rest.get(found + length..).unwrap_or_default();
    }
    !awaits_low
}

fn code_unit(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether the number is within what `numeric` holds.
fn is_numeric(number: &[u8]) -> bool {
    let unsigned = number.strip_prefix(b"-").unwrap_or(number);
    let split = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = unsigned.split_at(split.unwrap_or(unsigned.len()));
    let exponent = match exponent {
        [] => Some(0),
        [_, digits @ ..] => std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()),
    };
    let Some(exponent) = exponent.filter(|exponent: &i64| exponent.abs() <= LARGEST_EXPONENT)
    else {
        return false;
    };
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let after = mantissa.len().saturating_sub(point + 1);
    let leading_zeros =
        mantissa.iter().filter(|byte| **byte != b'.').take_while(|byte| **byte == b'0').count();
    let is_zero = leading_zeros == point + after;
    // Lengths of parts of one body.
    let (before, after) = (point as i64 - leading_zeros as i64, after as i64);
    (is_zero || before + exponent <= MOST_DIGITS_BEFORE) && after - exponent <= MOST_DIGITS_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_that_are_no_text_do_not_fit() {
        for good in [
            r#""""#,
            r#""\\u0000""#,
            r#""\ud83d\ude00""#,
            r#""\uD83D\uDE00x\n""#,
            r#""\u0001""#,
            r#"{"\u00e9":"\/"}"#,
        ] {
            assert!(fits(good.as_bytes()), "{good}");
        }
        for bad in [
            r#""\u0000""#,
            r#"{"\u0000":1}"#,
            r#""\ud800""#,
            r#""\ud800x""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            r#""\ud800\u0041""#,
            r#""\ud800\n\udc00""#,
            r#""\ud83dx\ude00""#,
        ] {
            assert!(!fits(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn nesting_fits_up_to_the_limit() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(fits(nested(MOST_LEVELS).as_bytes()));
        assert!(!fits(nested(MOST_LEVELS + 1).as_bytes()));
        let wide = format!("[{}[]]", "[],".repeat(MOST_LEVELS));
        assert!(fits(wide.as_bytes()));
    }
}
