//! Which rows were seen: one bit each, since a hash set would cost more than the receiver.

/// Rows beyond this are nobody's: a number that large is not one of ours.
const MOST: u64 = 1 << 32;

/// A set of small numbers.
#[derive(Default)]
pub(super) struct Bitmap(Vec<u64>);

impl Bitmap {
    /// Adds `row`; whether it was not in it.
    pub(super) fn set(&mut self, row: u64) -> bool {
        if row >= MOST {
            return false;
        }
        let (word, bit) = ((row / 64) as usize, 1 << (row % 64));
        if self.0.len() <= word {
            self.0.resize((word + 1).next_power_of_two(), 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}
