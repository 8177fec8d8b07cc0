//! Floats as PostgreSQL reads, calculates and writes them.

use super::error::EvalError;
use super::numeric::Numeric;
use super::text::trimmed;
use crate::condition::Operator;

/// The two widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Single,
    Double,
}

const OVERFLOW: EvalError = EvalError::OutOfRange("double precision");

impl Width {
    fn name(self) -> &'static str {
        match self {
            Self::Single => "real",
            Self::Double => "double precision",
        }
    }

    /// Reads a text: as PostgreSQL writes floats, or as users do.
    pub(super) fn read(self, text: &[u8]) -> Result<f64, EvalError> {
        let text = trimmed(text);
        let bad = EvalError::BadText(self.name());
        let text = std::str::from_utf8(text).map_err(|_| bad)?;
        let value = match self {
            Self::Single => text.parse::<f32>().map(f64::from),
            Self::Double => text.parse::<f64>(),
        };
        let value = value.map_err(|_| bad)?;
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let is_number = text.bytes().any(|byte| byte.is_ascii_digit());
        let lost = value == 0.0 && mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        match lost || (value.is_infinite() && is_number) {
            true => Err(EvalError::OutOfRange(self.name())),
            false => Ok(value),
        }
    }

    /// The nearest float of this width.
    pub(super) fn narrow(self, value: f64) -> Result<f64, EvalError> {
        let Self::Single = self else { return Ok(value) };
        let narrowed = value as f32;
        let overflows = narrowed.is_infinite() && !value.is_infinite();
        match overflows || (narrowed == 0.0 && value != 0.0) {
            true => Err(EvalError::OutOfRange("real")),
            false => Ok(f64::from(narrowed)),
        }
    }

    pub(super) fn of_integer(self, value: i64) -> f64 {
        match self {
            Self::Single => f64::from(value as f32),
            Self::Double => value as f64,
        }
    }

    /// `a operator b`, with an error wherever a finite result would not be the true one.
    pub(super) fn calculate(self, operator: Operator, a: f64, b: f64) -> Result<f64, EvalError> {
        let is_division = operator == Operator::Divide;
        if is_division && b == 0.0 && !a.is_nan() {
            return Err(EvalError::DivisionByZero);
        }
        let result = match self {
            Self::Single => f64::from(apply(operator, a as f32, b as f32)),
            Self::Double => apply(operator, a, b),
        };
        let from_finite = !a.is_infinite() && (is_division || !b.is_infinite());
        let can_vanish = match operator {
            Operator::Multiply => a != 0.0 && b != 0.0,
            Operator::Divide => a != 0.0 && !b.is_infinite(),
            _ => false,
        };
        if (result.is_infinite() && from_finite) || (result == 0.0 && can_vanish) {
            return Err(OVERFLOW);
        }
        Ok(result)
    }

    /// The shortest text that is read as the same float.
    pub(super) fn to_text(self, value: f64) -> String {
        if let Some(word) = special(value) {
            return word.to_owned();
        }
        let (shortest, plain) = match self {
            Self::Single => (format!("{:e}", value as f32), 6),
            Self::Double => (format!("{value:e}"), 15),
        };
        let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        if (-4..plain).contains(&exponent) {
            return match self {
                Self::Single => format!("{}", value as f32),
                Self::Double => format!("{value}"),
            };
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
    }

    /// As numeric, which PostgreSQL makes of the digits that a float of this width always keeps.
    pub(super) fn to_numeric(self, value: f64) -> Result<Numeric<'static>, EvalError> {
        if value.is_nan() {
            return Ok(Numeric::NaN);
        }
        if value.is_infinite() {
            return Numeric::of_input(special(value).unwrap_or_default().as_bytes());
        }
        let written = match self {
            Self::Single => format!("{:.5e}", value as f32),
            Self::Double => format!("{value:.14e}"),
        };
        let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let exponent: i64 = exponent.parse().unwrap_or_default();
        let mut digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).collect();
        let places = digits.len() as i64 - 1;
        let mut shift = exponent - places;
        while digits.len() > 1 && digits.last() == Some(&b'0') {
            digits.pop();
            shift += 1;
        }
        Numeric::of_digits(value < 0.0, &digits, shift)
    }
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

fn apply<F>(operator: Operator, a: F, b: F) -> F
where
    F: std::ops::Add<Output = F>
        + std::ops::Sub<Output = F>
        + std::ops::Mul<Output = F>
        + std::ops::Div<Output = F>
        + std::ops::Rem<Output = F>,
{
    match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Modulo => a % b,
    }
}
