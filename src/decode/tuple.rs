//! Rows: one vector of spans into the message, no copy of a value.

use super::error::DecodeError;
use super::reader::Reader;
use crate::change::{Span, Tuple};

impl Reader {
    pub(super) fn tuple(&mut self) -> Result<Tuple, DecodeError> {
        let count = usize::from(self.u16()?);
        // Every column takes at least the byte that says what it is.
        let mut cells = Vec::with_capacity(count.min(self.remaining()));
        for column in 0..count {
            cells.push(self.cell(column)?);
        }
        Ok(Tuple { raw: self.payload(), cells })
    }

    fn cell(&mut self, column: usize) -> Result<Span, DecodeError> {
        match self.mark("nutb")? {
            b'n' => Ok(Span::Null),
            b'u' => Ok(Span::Unchanged),
            b't' => {
                let length = self.u32()? as usize;
                let range = self.take(length)?;
                // The message is shorter than 4 GiB, so both ends fit.
                Ok(Span::Text { start: range.start as u32, end: range.end as u32 })
            }
            _ => Err(DecodeError::BinaryColumn { tag: self.tag(), column }),
        }
    }
}
