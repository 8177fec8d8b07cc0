//! `numeric`, exact to its last digit: comparison on the text as it stands, arithmetic on big
//! integers with PostgreSQL's rules of scale.

use std::borrow::Cow;
use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;

use super::error::EvalError;
use super::text::trimmed;

/// Digits before the point.
const MOST_DIGITS: i64 = 131_072;
/// Digits after it.
const MOST_SCALE: i64 = 16_383;
/// Significant digits that a quotient has at least.
const QUOTIENT_DIGITS: i64 = 16;
/// Digits after the point that a quotient has at most, unless its operands have more.
const QUOTIENT_SCALE: i64 = 1000;
/// PostgreSQL keeps numbers in digits of this many decimal ones, and it shows in quotients.
const GROUP: i64 = 4;

/// A value of type numeric.
#[derive(Clone, Debug)]
pub(super) enum Numeric<'a> {
    /// `NaN`, equal to itself and greater than all others.
    NaN,
    /// `Infinity`, or `-Infinity`.
    Infinite(Sign),
    /// A number as PostgreSQL writes it.
    Text(&'a [u8]),
    /// A number that was calculated.
    Exact(Box<Exact>),
}

/// `digits` divided by 10 to the `scale`.
#[derive(Clone, Debug)]
pub(super) struct Exact {
    digits: BigInt,
    scale: u32,
}

type Evaluated<T> = Result<T, EvalError>;

impl<'a> Numeric<'a> {
    /// The value of PostgreSQL's text of it.
    pub(super) fn of_output(text: &'a [u8]) -> Self {
        match text {
            b"NaN" => Self::NaN,
            b"Infinity" => Self::Infinite(Sign::Plus),
            b"-Infinity" => Self::Infinite(Sign::Minus),
            text => Self::Text(text),
        }
    }

    pub(super) fn of_integer(value: i64) -> Self {
        Self::Exact(Box::new(Exact { digits: value.into(), scale: 0 }))
    }

    /// Reads what a user may write.
    pub(super) fn of_input(text: &[u8]) -> Evaluated<Numeric<'static>> {
        let text = trimmed(text);
        let bare = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
        let sign = if text.starts_with(b"-") { Sign::Minus } else { Sign::Plus };
        let is = |word: &str| bare.eq_ignore_ascii_case(word.as_bytes());
        if is("infinity") || is("inf") {
            return Ok(Numeric::Infinite(sign));
        }
        if text.eq_ignore_ascii_case(b"nan") {
            return Ok(Numeric::NaN);
        }
        Exact::read(bare, sign).map(|exact| Numeric::Exact(Box::new(exact)))
    }

    /// Of the shortest digits of a float: `digits` times 10 to the `exponent`.
    pub(super) fn of_digits(
        negative: bool,
        digits: &[u8],
        exponent: i64,
    ) -> Evaluated<Numeric<'static>> {
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Exact::shifted(digits, sign, exponent).map(|exact| Numeric::Exact(Box::new(exact)))
    }

    fn finite(&self) -> Evaluated<Option<Cow<'_, Exact>>> {
        match self {
            Self::NaN | Self::Infinite(_) => Ok(None),
            Self::Exact(exact) => Ok(Some(Cow::Borrowed(exact))),
            Self::Text(text) => {
                let bare = text.strip_prefix(b"-").unwrap_or(text);
                let sign = if bare.len() == text.len() { Sign::Plus } else { Sign::Minus };
                Exact::read(bare, sign).map(|exact| Some(Cow::Owned(exact)))
            }
        }
    }

    /// The sign of a number or infinity; none of NaN.
    fn sign(&self) -> Evaluated<Option<Sign>> {
        Ok(match self {
            Self::NaN => None,
            Self::Infinite(sign) => Some(*sign),
            _ => self.finite()?.map(|exact| exact.digits.sign()),
        })
    }

    pub(super) fn compare(&self, other: &Numeric<'_>) -> Evaluated<Ordering> {
        let rank = |value: &Numeric<'_>| match value {
            Numeric::Infinite(Sign::Minus) => 0,
            Numeric::Text(_) | Numeric::Exact(_) => 1,
            Numeric::Infinite(_) => 2,
            Numeric::NaN => 3,
        };
        if let (Numeric::Text(a), Numeric::Text(b)) = (self, other) {
            return Ok(compare_texts(a, b));
        }
        match (self.finite()?, other.finite()?) {
            (Some(a), Some(b)) => {
                let scale = a.scale.max(b.scale);
                Ok(a.at_scale(scale).cmp(&b.at_scale(scale)))
            }
            _ => Ok(rank(self).cmp(&rank(other))),
        }
    }

    pub(super) fn negated(self) -> Evaluated<Numeric<'static>> {
        Ok(match self {
            Self::NaN => Numeric::NaN,
            Self::Infinite(sign) => Numeric::Infinite(-sign),
            _ => {
                let exact = self.finite()?.ok_or(EvalError::NOT_A_NUMBER)?.into_owned();
                Numeric::Exact(Box::new(Exact { digits: -exact.digits, scale: exact.scale }))
            }
        })
    }

    pub(super) fn absolute(self) -> Evaluated<Numeric<'a>> {
        match self.sign()? {
            Some(Sign::Minus) => self.negated(),
            _ => Ok(self),
        }
    }

    pub(super) fn add(&self, other: &Numeric<'_>) -> Evaluated<Numeric<'static>> {
        if let (Some(a), Some(b)) = (self.finite()?, other.finite()?) {
            let scale = a.scale.max(b.scale);
            return Exact { digits: a.at_scale(scale) + b.at_scale(scale), scale }.checked();
        }
        Ok(match (self, other) {
            (Self::NaN, _) | (_, Numeric::NaN) => Numeric::NaN,
            (Self::Infinite(a), Numeric::Infinite(b)) if a != b => Numeric::NaN,
            (Self::Infinite(sign), _) | (_, Numeric::Infinite(sign)) => Numeric::Infinite(*sign),
            _ => Numeric::NaN,
        })
    }

    pub(super) fn multiply(&self, other: &Numeric<'_>) -> Evaluated<Numeric<'static>> {
        if let (Some(a), Some(b)) = (self.finite()?, other.finite()?) {
            let product = Exact { digits: &a.digits * &b.digits, scale: a.scale + b.scale };
            return product.rounded(product.scale.min(MOST_SCALE as u32)).checked();
        }
        Ok(match (self.sign()?, other.sign()?) {
            (None, _) | (_, None) | (Some(Sign::NoSign), _) | (_, Some(Sign::NoSign)) => {
                Numeric::NaN
            }
            (Some(a), Some(b)) => Numeric::Infinite(a * b),
        })
    }

    pub(super) fn divide(&self, other: &Numeric<'_>) -> Evaluated<Numeric<'static>> {
        let (dividend, divisor) = (self.sign()?, other.sign()?);
        match (dividend, divisor) {
            (None, _) | (_, None) => return Ok(Numeric::NaN),
            (_, Some(Sign::NoSign)) => return Err(EvalError::DivisionByZero),
            _ => {}
        }
        match (self.finite()?, other.finite()?) {
            (Some(a), Some(b)) => a.divided(&b).checked(),
            (Some(_), None) => Ok(Numeric::of_integer(0)),
            (None, Some(_)) => Ok(Numeric::Infinite(
                dividend.unwrap_or(Sign::Plus) * divisor.unwrap_or(Sign::Plus),
            )),
            (None, None) => Ok(Numeric::NaN),
        }
    }

    pub(super) fn modulo(&self, other: &Numeric<'_>) -> Evaluated<Numeric<'static>> {
        match (self.sign()?, other.sign()?) {
            (None, _) | (_, None) => return Ok(Numeric::NaN),
            (_, Some(Sign::NoSign)) => return Err(EvalError::DivisionByZero),
            _ => {}
        }
        match (self.finite()?, other.finite()?) {
            (Some(a), Some(b)) => {
                let scale = a.scale.max(b.scale);
                Exact { digits: a.at_scale(scale) % b.at_scale(scale), scale }.checked()
            }
            (Some(a), None) => Ok(Numeric::Exact(Box::new(a.into_owned()))),
            (None, _) => Ok(Numeric::NaN),
        }
    }

    /// The nearest whole number, halves away from zero.
    pub(super) fn to_integer(&self) -> Evaluated<i64> {
        let exact = self.finite()?.ok_or(EvalError::OutOfRange("bigint"))?;
        i64::try_from(exact.rounded(0).digits).map_err(|_| EvalError::OutOfRange("bigint"))
    }

    /// PostgreSQL's text of it.
    pub(super) fn to_text(&self) -> Evaluated<Cow<'_, [u8]>> {
        Ok(match self {
            Self::NaN => Cow::Borrowed(b"NaN"),
            Self::Infinite(Sign::Minus) => Cow::Borrowed(b"-Infinity"),
            Self::Infinite(_) => Cow::Borrowed(b"Infinity"),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Exact(exact) => Cow::Owned(exact.to_text().into_bytes()),
        })
    }
}

impl Exact {
    /// `digits[.digits][e[±]digits]`.
    fn read(text: &[u8], sign: Sign) -> Evaluated<Self> {
        let at = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (number, exponent) = match at {
            Some(at) => (&text[..at], read_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let point = number.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = match point {
            Some(at) => (&number[..at], &number[at + 1..]),
            None => (number, &[][..]),
        };
        let digits = [whole, fraction].concat();
        Self::shifted(&digits, sign, exponent - fraction.len() as i64)
    }

    fn shifted(digits: &[u8], sign: Sign, exponent: i64) -> Evaluated<Self> {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(EvalError::NOT_A_NUMBER);
        }
        let scale = (-exponent).max(0);
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        let before_point = (digits.len() - leading) as i64 + exponent;
        let is_zero = leading == digits.len();
        if scale > MOST_SCALE || (!is_zero && before_point > MOST_DIGITS) {
            return Err(EvalError::OutOfRange("numeric"));
        }
        let magnitude = BigUint::parse_bytes(digits, 10).ok_or(EvalError::NOT_A_NUMBER)?;
        let power = if is_zero { 0 } else { exponent.max(0) };
        let magnitude = magnitude * BigUint::from(10u8).pow(power as u32);
        Ok(Self { digits: BigInt::from_biguint(sign, magnitude), scale: scale as u32 })
    }

    fn checked(self) -> Evaluated<Numeric<'static>> {
        match self.digits_before_point() <= MOST_DIGITS {
            true => Ok(Numeric::Exact(Box::new(self))),
            false => Err(EvalError::OutOfRange("numeric")),
        }
    }

    /// Perhaps negative, where zeros follow the point. Zero has none.
    fn digits_before_point(&self) -> i64 {
        match self.digits.sign() {
            Sign::NoSign => 0,
            _ => self.digits.magnitude().to_string().len() as i64 - i64::from(self.scale),
        }
    }

    fn at_scale(&self, scale: u32) -> BigInt {
        &self.digits * power(scale - self.scale)
    }

    /// Halves away from zero.
    fn rounded(&self, scale: u32) -> Self {
        if scale >= self.scale {
            return Self { digits: self.at_scale(scale), scale };
        }
        Self { digits: half_up(&self.digits, &power(self.scale - scale)), scale }
    }

    fn divided(&self, divisor: &Self) -> Self {
        let ((weight, first), (divisor_weight, divisor_first)) = (self.head(), divisor.head());
        let quotient_weight = weight - divisor_weight - i64::from(first <= divisor_first);
        let scale = (QUOTIENT_DIGITS - quotient_weight * GROUP)
            .max(i64::from(self.scale.max(divisor.scale)))
            .clamp(0, QUOTIENT_SCALE) as u32;
        // digits / 10^a : digits / 10^b, at `scale`.
        let dividend = &self.digits * power(scale + divisor.scale);
        Self { digits: half_up(&dividend, &(&divisor.digits * power(self.scale))), scale }
    }

    /// Place and value of the first group of digits.
    fn head(&self) -> (i64, u32) {
        if self.digits.sign() == Sign::NoSign {
            return (0, 0);
        }
        let digits = self.digits.magnitude().to_string();
        let before_point = digits.len() as i64 - i64::from(self.scale);
        let weight = (before_point - 1).div_euclid(GROUP);
        let in_group = (before_point - weight * GROUP) as usize;
        let group = digits.bytes().chain(std::iter::repeat(b'0')).take(in_group);
        (weight, group.fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    }

    fn to_text(&self) -> String {
        let scale = self.scale as usize;
        let digits = format!("{:0>1$}", self.digits.magnitude().to_string(), scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.digits.sign() == Sign::Minus { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

fn power(exponent: u32) -> BigInt {
    BigInt::from(10u8).pow(exponent)
}

/// The quotient, halves away from zero.
fn half_up(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let (quotient, rest) = dividend.magnitude().div_rem(divisor.magnitude());
    let rounds_up = (rest << 1u8) >= *divisor.magnitude();
    let magnitude = quotient + BigUint::from(rounds_up);
    BigInt::from_biguint(dividend.sign() * divisor.sign(), magnitude)
}

fn read_exponent(text: &[u8]) -> Evaluated<i64> {
    let bare = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    if bare.is_empty() || !bare.iter().all(u8::is_ascii_digit) {
        return Err(EvalError::NOT_A_NUMBER);
    }
    let number = std::str::from_utf8(bare).ok().and_then(|text| text.parse::<i64>().ok());
    let number = number.filter(|number| *number < i64::from(i32::MAX / 2));
    let number = number.ok_or(EvalError::OutOfRange("numeric"))?;
    Ok(if text.starts_with(b"-") { -number } else { number })
}

/// Compares numbers as PostgreSQL writes them: no exponent, a digit before the point.
fn compare_texts(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    match (a.is_negative, b.is_negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.magnitude(&b),
        (true, true) => b.magnitude(&a),
    }
}

struct Parts<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Self {
        let bare = text.strip_prefix(b"-").unwrap_or(text);
        let point = bare.iter().position(|byte| *byte == b'.').unwrap_or(bare.len());
        let (mut whole, mut fraction) = (&bare[..point], bare.get(point + 1..).unwrap_or_default());
        while let Some(rest) = whole.strip_prefix(b"0") {
            whole = rest;
        }
        while let Some(rest) = fraction.strip_suffix(b"0") {
            fraction = rest;
        }
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self { is_negative: bare.len() < text.len() && !is_zero, whole, fraction }
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        (self.whole.len().cmp(&other.whole.len()))
            .then_with(|| self.whole.cmp(other.whole))
            .then_with(|| self.fraction.cmp(other.fraction))
    }
}
