//! Commit times as RFC 3339 text, made once a transaction.

use jiff::Timestamp;

/// The text of the last commit time asked for.
#[derive(Default)]
pub(super) struct Stamp {
    commit_time: i64,
    text: String,
}

impl Stamp {
    /// `commit_time`, in microseconds since 1970-01-01 UTC, as RFC 3339 in UTC; six digits of
    /// microseconds, or none when they are zero.
    pub(super) fn text(&mut self, commit_time: i64) -> &str {
        if self.text.is_empty() || self.commit_time != commit_time {
            // Only a broken clock commits outside the calendar.
            let edge = if commit_time < 0 { Timestamp::MIN } else { Timestamp::MAX };
            let time = Timestamp::from_microsecond(commit_time).unwrap_or(edge);
            let whole = commit_time % 1_000_000 == 0;
            self.text = if whole { format!("{time:.0}") } else { format!("{time:.6}") };
            self.commit_time = commit_time;
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_appear_only_when_they_are_not_zero() {
        let mut stamp = Stamp::default();
        assert_eq!(stamp.text(0), "1970-01-01T00:00:00Z");
        assert_eq!(stamp.text(1_768_566_600_000_000), "2026-01-16T12:30:00Z");
        assert_eq!(stamp.text(1_768_566_600_500_000), "2026-01-16T12:30:00.500000Z");
        assert_eq!(stamp.text(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_broken_clock_still_gives_a_time() {
        assert!(Stamp::default().text(i64::MAX).starts_with("9999-12-30T"));
        assert!(Stamp::default().text(i64::MIN).starts_with('-'));
    }
}
