//! Durations as text: `500ms`, `30s`, `5m`, `4h`, `90d`.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Milliseconds of each unit, smallest first.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A whole number and a unit. `None` for anything else, and for more than fits.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(*milliseconds)?))
}

/// `duration` in the largest unit that holds it whole; below a millisecond nothing is kept.
pub(super) fn text(duration: Duration) -> String {
    let total = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    UNITS
        .iter()
        .rev()
        .find(|(_, milliseconds)| total != 0 && total.is_multiple_of(*milliseconds))
        .map_or_else(
            || "0s".to_owned(),
            |(unit, milliseconds)| format!("{}{unit}", total / milliseconds),
        )
}

/// What `text` was probably meant to be, if that lies in `range`: `30` is in seconds, or in the
/// first unit that fits; `1.5h`, `5 minutes` and `2 weeks` are what they say.
pub(super) fn likely(text: &str, range: &RangeInclusive<Duration>) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let units: &[u64] = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" => &[1000, 86_400_000, 3_600_000, 60_000, 1],
        unit if unit.starts_with("ms") || unit.starts_with("milli") => &[1],
        unit if unit.starts_with('s') => &[1000],
        unit if unit == "m" || unit.starts_with("min") => &[60_000],
        unit if unit.starts_with('h') => &[3_600_000],
        unit if unit.starts_with('d') => &[86_400_000],
        unit if unit.starts_with('w') => &[7 * 86_400_000],
        _ => &[],
    };
    units
        .iter()
        .map(|milliseconds| number * *milliseconds as f64)
        .filter(|milliseconds| milliseconds.fract() == 0.0)
        .map(|milliseconds| Duration::from_millis(milliseconds as u64))
        .find(|duration| range.contains(duration))
        .map(self::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_as_it_prints() {
        for given in ["500ms", "30s", "5m", "4h", "90d", "0s", "61s", "36h"] {
            assert_eq!(parse(given).map(text).as_deref(), Some(given));
        }
    }

    #[test]
    fn text_that_is_no_duration_is_refused() {
        for given in [
            "",
            "30",
            "s",
            "1.5h",
            "-1s",
            "1h30m",
            "5 minutes",
            "99999999999999999999s",
            "400000000000d",
        ] {
            assert_eq!(parse(given), None, "{given:?}");
        }
    }

    #[test]
    fn a_likely_meaning_is_found() {
        let seconds = Duration::ZERO..=Duration::from_secs(3600);
        let days = Duration::from_secs(86_400)..=Duration::from_secs(3650 * 86_400);
        for (given, range, wanted) in [
            ("30", &seconds, Some("30s")),
            ("90", &days, Some("90d")),
            ("1.5m", &seconds, Some("90s")),
            ("5 minutes", &seconds, Some("5m")),
            ("2 weeks", &days, Some("14d")),
            ("2 weeks", &seconds, None),
            ("0.0001s", &seconds, None),
            ("1e300d", &days, None),
            ("soon", &seconds, None),
            ("", &seconds, None),
        ] {
            assert_eq!(likely(given, range).as_deref(), wanted, "{given}");
        }
    }
}
