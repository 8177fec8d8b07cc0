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

/// A plain number with the unit it was probably meant in: seconds, or the first that fits.
pub(super) fn with_unit(number: &str, range: &RangeInclusive<Duration>) -> Option<String> {
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    plain
        .then(|| {
            let mut written =
                UNITS[1..].iter().chain(&UNITS[..1]).map(|(unit, _)| format!("{number}{unit}"));
            written.find(|text| parse(text).is_some_and(|duration| range.contains(&duration)))
        })
        .flatten()
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
}
