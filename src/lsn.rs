//! Positions in the write-ahead log. Plain words; nothing here talks to anyone.

use std::fmt;
use std::str::FromStr;

/// A byte position in PostgreSQL's write-ahead log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// The text was not of the form `16/B374D848`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an LSN: {0:?} (expected two hexadecimal numbers, as in 16/B374D848)")]
pub struct ParseLsnError(String);

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let half = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
            plain.then(|| u32::from_str_radix(part, 16).ok()).flatten()
        };
        text.split_once('/')
            .and_then(|(high, low)| Some((half(high)?, half(low)?)))
            .map(|(high, low)| Lsn(u64::from(high) << 32 | u64::from(low)))
            .ok_or_else(|| ParseLsnError(text.to_owned()))
    }
}

/// Where a change stands in the stream of committed changes.
///
/// Never an LSN alone: the rows of one COPY share one change LSN, and order between
/// transactions is commit order, so a position is the commit's LSN and the ordinal of the
/// change inside its transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// LSN of the transaction's commit record.
    pub commit: Lsn,
    /// Ordinal of the change in its transaction, from 0; a truncate counts once per relation.
    pub ordinal: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.commit, self.ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lsn_reads_back_as_it_prints() {
        for value in [0, 1, 0x16_B374_D848, u64::MAX] {
            assert_eq!(Lsn(value).to_string().parse(), Ok(Lsn(value)));
        }
    }

    #[test]
    fn text_that_is_no_lsn_is_refused() {
        for text in ["", "/", "1", "1/", "/1", "+1/1", "1/1/1", "100000000/0", "g/0", " 1/1"] {
            assert!(text.parse::<Lsn>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn positions_order_by_commit_then_ordinal() {
        let at = |commit, ordinal| Position { commit: Lsn(commit), ordinal };
        assert!(at(1, 9) < at(2, 0) && at(2, 0) < at(2, 1));
    }
}
