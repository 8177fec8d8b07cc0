//! Numbers of a payload: those that MiniJinja can hold to the last digit are numbers to it; the
//! others are written as they stand, and refuse to be calculated with.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

/// A number that no double is equal to.
#[derive(Debug)]
pub(super) struct Exact(Box<str>);

impl Exact {
    /// Its digits.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number that `text` is in JSON.
pub(super) fn read(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return Value::from(number);
    }
    if let Ok(number) = text.parse::<i128>() {
        return Value::from(number);
    }
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() && is_same(text, double) => Value::from(double),
        _ => Value::from_object(Exact(text.into())),
    }
}

/// Whether `double` is the number, and not just the nearest one.
fn is_same(text: &str, double: f64) -> bool {
    significant(text) == significant(&format!("{double:e}"))
}

/// Sign, digits without zeros on either side, and the power of ten of the last of them.
fn significant(text: &str) -> Option<(bool, String, i64)> {
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, power) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let power = power.checked_sub(fraction.len() as i64)? + (digits.len() - kept.len()) as i64;
    let kept = kept.trim_start_matches('0');
    Some(if kept.is_empty() {
        (false, String::new(), 0)
    } else {
        (is_negative, kept.to_owned(), power)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_every_digit() {
        for (text, is_number, written) in [
            ("0", true, "0"),
            ("-7", true, "-7"),
            ("9223372036854775808", true, "9223372036854775808"),
            (
                "170141183460469231731687303715884105727",
                true,
                "170141183460469231731687303715884105727",
            ),
            (
                "170141183460469231731687303715884105728",
                false,
                "170141183460469231731687303715884105728",
            ),
            ("1.5", true, "1.5"),
            ("1.10", true, "1.1"),
            ("0.30000000000000004", true, "0.30000000000000004"),
            ("3.14159265358979323846", false, "3.14159265358979323846"),
            ("0.1000000000000000000001", false, "0.1000000000000000000001"),
            ("1e400", false, "1e400"),
            ("1E2", true, "100.0"),
            ("-0.0", true, "-0.0"),
        ] {
            let value = read(text);
            assert_eq!(value.is_number(), is_number, "{text}");
            assert_eq!(value.to_string(), written, "{text}");
        }
    }
}
