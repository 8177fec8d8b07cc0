//! When a request was signed, and whether that is near enough to now.

use std::borrow::Cow;
use std::time::Duration;

use crate::config::inbound::{TimestampFrom, TimestampUnit};
use crate::inbound::locate::{Found, Locator, describe_all};
use crate::inbound::verdict::{Reason, Rejection};

/// Before 2001-09-09 nobody sent webhooks, and after 2286 nobody has yet. A time beyond them has
/// lost a digit to the text beside it, or taken one from it: where a scheme puts them together
/// without anything between, the signature stays the same. So they are refused whatever the
/// windows are.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 1_000_000_000..10_000_000_000;
const LONGEST_NUMBER: usize = 16;
const LONGEST_DATE: usize = 35;

/// A request's time.
#[derive(Debug)]
pub(super) struct Stamp<'a> {
    /// As received.
    pub(super) text: Cow<'a, [u8]>,
    milliseconds: i64,
}

impl<'a> Stamp<'a> {
    /// Reads the time where it stands.
    pub(super) fn find(from: &TimestampFrom, locator: &Locator<'a>) -> Result<Self, Rejection> {
        let malformed = |what: &str| {
            let what = format!("{} {what}", describe_all(&from.from));
            Rejection::because(Reason::MalformedTimestamp, what)
        };
        let text = match locator.first(&from.from) {
            Found::Nothing => {
                let missing = format!("no {}", describe_all(&from.from));
                return Err(Rejection::because(Reason::MissingTimestamp, missing));
            }
            Found::Several => return Err(malformed("stands more than once")),
            found => found.bytes().ok_or_else(|| malformed("is not a text"))?,
        };
        let expected = match from.unit {
            TimestampUnit::Seconds => "is not a number of seconds",
            TimestampUnit::Milliseconds => "is not a number of milliseconds",
            TimestampUnit::Rfc3339 => "is not a time as RFC 3339 writes it",
        };
        let milliseconds = read(&text, from.unit).ok_or_else(|| malformed(expected))?;
        Ok(Self { text, milliseconds })
    }

    /// Its distance from now; negative if it is past.
    pub(super) fn skew_seconds(&self, now_ms: i64) -> i64 {
        self.milliseconds.div_euclid(1_000).saturating_sub(now_ms.div_euclid(1_000))
    }

    /// Whether it is within the windows, their edges included.
    pub(super) fn check(&self, from: &TimestampFrom, now_ms: i64) -> Result<(), Rejection> {
        let ahead_ms = match from.unit {
            TimestampUnit::Milliseconds => self.milliseconds.saturating_sub(now_ms),
            // The part of a second that has passed since does not make it older.
            TimestampUnit::Seconds | TimestampUnit::Rfc3339 => {
                self.skew_seconds(now_ms).saturating_mul(1_000)
            }
        };
        let within = |window: Option<Duration>, distance_ms: i64| {
            let window_ms = window.map(|w| i64::try_from(w.as_millis()).unwrap_or(i64::MAX));
            window_ms.is_none_or(|window_ms| distance_ms <= window_ms)
        };
        let seconds = self.milliseconds.div_euclid(1_000);
        let reason =
            if !within(from.past, ahead_ms.saturating_neg()) || seconds < PLAUSIBLE_SECONDS.start {
                Reason::TimestampTooOld
            } else if !within(from.future, ahead_ms) || seconds >= PLAUSIBLE_SECONDS.end {
                Reason::TimestampInFuture
            } else {
                return Ok(());
            };
        Err(Rejection::of(reason))
    }
}

/// Milliseconds since 1970.
fn read(text: &[u8], unit: TimestampUnit) -> Option<i64> {
    match unit {
        TimestampUnit::Seconds => Some(number(text)?.saturating_mul(1_000)),
        TimestampUnit::Milliseconds => number(text),
        TimestampUnit::Rfc3339 => date(text),
    }
}

/// Digits alone. A zero before them could belong to the text that stands before.
fn number(text: &[u8]) -> Option<i64> {
    let digits = (1..=LONGEST_NUMBER).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let plain = digits && (text.len() == 1 || text[0] != b'0');
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

/// Milliseconds since 1970 of a time as RFC 3339 writes it, and in no other spelling.
pub(super) fn date(text: &[u8]) -> Option<i64> {
    let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b':' | b'.' | b'+' | b'T' | b'Z');
    let plain = text.len() <= LONGEST_DATE && text.iter().all(plain);
    let text = std::str::from_utf8(text).ok().filter(|_| plain)?;
    text.parse().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        let seconds = |text: &str| read(text.as_bytes(), TimestampUnit::Seconds);
        assert_eq!(seconds("1780000000"), Some(1_780_000_000_000));
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("9999999999999999"), Some(i64::MAX));
        for bad in
            ["", "-1", "+1", "1.0", "1e9", " 1", "1 ", "abc", "01", "00", "17800000000000000", "١"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        assert_eq!(read(b"1780000000123", TimestampUnit::Milliseconds), Some(1_780_000_000_123));
    }

    #[test]
    fn dates_are_in_rfc_3339s_spelling_only() {
        let dated = |text: &str| date(text.as_bytes());
        assert_eq!(dated("2026-05-28T20:26:40Z"), Some(1_780_000_000_000));
        assert_eq!(dated("2026-05-28T22:26:40.5+02:00"), Some(1_780_000_000_500));
        for bad in [
            "",
            "2026-05-28",
            "2026-05-28 20:26:40Z",
            "2026-05-28T20:26:40",
            "2026-05-28T20:26:40Z[UTC]",
            "2026-13-28T20:26:40Z",
            "1780000000",
        ] {
            assert_eq!(dated(bad), None, "{bad}");
        }
    }

    #[test]
    fn windows_include_their_edges_to_the_second_or_millisecond() {
        const NOW: i64 = 1_780_000_000_999;
        let check = |milliseconds: i64, unit, past: u64, future: u64| {
            let window = |seconds| (seconds > 0).then(|| Duration::from_secs(seconds));
            let (past, future) = (window(past), window(future));
            let from = TimestampFrom { from: Vec::new(), unit, past, future };
            let stamp = Stamp { text: Cow::Borrowed(b""), milliseconds };
            stamp.check(&from, NOW).map_err(|rejection| rejection.reason)
        };
        let old = Err(Reason::TimestampTooOld);
        let future = Err(Reason::TimestampInFuture);
        let s = TimestampUnit::Seconds;
        assert_eq!(check(1_779_999_700_000, s, 300, 300), Ok(()));
        assert_eq!(check(1_779_999_699_000, s, 300, 300), old);
        assert_eq!(check(1_780_000_300_000, s, 300, 300), Ok(()));
        assert_eq!(check(1_780_000_301_000, s, 300, 300), future);
        let ms = TimestampUnit::Milliseconds;
        assert_eq!(check(1_779_999_700_999, ms, 300, 300), Ok(()));
        assert_eq!(check(1_779_999_700_998, ms, 300, 300), old);
        assert_eq!(check(1_780_000_301_000, ms, 300, 300), future);
        assert_eq!(check(1_234_567_890_000, s, 0, 0), Ok(()));
        assert_eq!(check(9_999_999_999_000, s, 0, 0), Ok(()));
        assert_eq!(check(178_000_000_000, s, 0, 0), old);
        assert_eq!(check(17_800_000_000_000, s, 0, 0), future);
        assert_eq!(check(i64::MAX, s, 300, 300), future);
    }
}
