//! Dates and times as numbers that compare as PostgreSQL compares them: days, or microseconds.

/// Microseconds of a day.
const DAY: i64 = 24 * 3600 * 1_000_000;
/// Days from 0000-03-01 to 2000-01-01, PostgreSQL's own epoch: microseconds from there fit.
const EPOCH: i64 = 730_425;
/// `infinity` is after every date, `-infinity` before.
pub(super) const INFINITY: i64 = i64::MAX;
/// See [`INFINITY`].
pub(super) const MINUS_INFINITY: i64 = i64::MIN;

/// Whether a text says its own offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// It must.
    Given,
    /// It must not.
    None,
}

/// Days of `2026-01-16`, perhaps with ` BC` after it.
pub(super) fn date(text: &[u8]) -> Option<i64> {
    infinite(text).or_else(|| {
        let (text, bc) = without_era(text);
        let (days, rest) = leading_date(text, bc)?;
        rest.is_empty().then_some(days)
    })
}

/// Microseconds of `12:30:00.5`.
pub(super) fn time(text: &[u8]) -> Option<i64> {
    let (microseconds, rest) = leading_time(text)?;
    rest.is_empty().then_some(microseconds)
}

/// Microseconds of `2026-01-16 12:30:00.5+00`; instead of the space there may be a `T`.
pub(super) fn timestamp(text: &[u8], zone: Zone) -> Option<i64> {
    infinite(text).or_else(|| {
        let (text, bc) = without_era(text);
        let (days, rest) = leading_date(text, bc)?;
        let rest = rest.strip_prefix(b" ").or(rest.strip_prefix(b"T"))?;
        let (microseconds, rest) = leading_time(rest)?;
        let offset = match zone {
            Zone::None => rest.is_empty().then_some(0)?,
            Zone::Given => offset(rest)?,
        };
        days.checked_mul(DAY)?.checked_add(microseconds)?.checked_sub(offset)
    })
}

/// The day of a timestamp.
pub(super) fn day_of(timestamp: i64) -> i64 {
    match timestamp {
        INFINITY | MINUS_INFINITY => timestamp,
        finite => finite.div_euclid(DAY),
    }
}

/// The beginning of a day.
pub(super) fn midnight_of(days: i64) -> Option<i64> {
    match days {
        INFINITY | MINUS_INFINITY => Some(days),
        // PostgreSQL's last timestamp is in 294276.
        finite => finite.checked_mul(DAY).filter(|_| finite < 106_751_983),
    }
}

fn infinite(text: &[u8]) -> Option<i64> {
    match text {
        b"infinity" => Some(INFINITY),
        b"-infinity" => Some(MINUS_INFINITY),
        _ => None,
    }
}

fn without_era(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

fn leading_date(text: &[u8], bc: bool) -> Option<(i64, &[u8])> {
    let (year, rest) = number(text, 4..=7)?;
    let (month, rest) = number(rest.strip_prefix(b"-")?, 2..=2)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?, 2..=2)?;
    // There is no year 0: 1 BC is before 1 AD.
    let year = match (year, bc) {
        (0, _) => return None,
        (year, true) => 1 - year,
        (year, false) => year,
    };
    let is_leap =
        year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then(|| (days_of(year, month, day), rest))
}

/// Counts in years that begin in March, so that the leap day is the last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - EPOCH
}

fn leading_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hours, rest) = number(text, 2..=2)?;
    let (minutes, rest) = number(rest.strip_prefix(b":")?, 2..=2)?;
    let (seconds, rest) = number(rest.strip_prefix(b":")?, 2..=2)?;
    let (fraction, rest) = match rest.strip_prefix(b".") {
        None => (0, rest),
        Some(digits) => {
            let (value, rest) = number(digits, 1..=6)?;
            let places = digits.len() - rest.len();
            (value * 10i64.pow(6 - places as u32), rest)
        }
    };
    let is_time = hours < 24 && minutes < 60 && seconds < 60;
    let is_end_of_day = hours == 24 && minutes == 0 && seconds == 0 && fraction == 0;
    let microseconds = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction;
    (is_time || is_end_of_day).then_some((microseconds, rest))
}

/// `Z`, `+02` or `-03:30`, in microseconds.
fn offset(text: &[u8]) -> Option<i64> {
    if text == b"Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2..=2)?;
    let minutes = match rest.strip_prefix(b":") {
        None if rest.is_empty() => 0,
        None => return None,
        Some(rest) => match number(rest, 2..=2)? {
            (minutes, []) => minutes,
            _ => return None,
        },
    };
    (hours < 16 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60 * 1_000_000)
}

fn number(text: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<(i64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !digits.contains(&count) {
        return None;
    }
    let (number, rest) = text.split_at(count);
    Some((number.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_microseconds_count_from_the_year_2000() {
        assert_eq!(date(b"2000-01-01"), Some(0));
        assert_eq!(date(b"1999-12-31"), Some(-1));
        assert_eq!(date(b"0001-01-01"), Some(date(b"0001-12-31 BC").unwrap() + 1));
        assert_eq!(date(b"2000-02-30"), None);
        assert_eq!(time(b"24:00:00"), Some(DAY));
        assert_eq!(timestamp(b"2000-01-02 00:00:00.5", Zone::None), Some(DAY + 500_000));
        assert_eq!(timestamp(b"2000-01-01T01:00:00+01:00", Zone::Given), Some(0));
        assert_eq!(timestamp(b"2000-01-01 01:00:00", Zone::Given), None);
        assert_eq!(timestamp(b"infinity", Zone::Given), Some(INFINITY));
        assert_eq!(
            timestamp(b"294276-12-31 23:59:59.999999", Zone::None),
            Some(9_223_371_331_199_999_999)
        );
    }

    #[test]
    fn no_text_makes_it_panic() {
        for text in
            ["", "-", "9999999-99-99", "2000-01-01 ", "2000-01-01 1:2:3", " BC", "0000-01-01"]
        {
            assert_eq!(date(text.as_bytes()), None, "{text}");
            assert_eq!(timestamp(text.as_bytes(), Zone::Given), None, "{text}");
        }
    }
}
