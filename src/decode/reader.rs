//! Checked reads from one message.

use std::ops::Range;

use bytes::Bytes;

use super::error::DecodeError;
use crate::change::ReplicaIdentity;

/// Microseconds from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A message and how far it has been read.
pub(super) struct Reader {
    payload: Bytes,
    tag: u8,
    at: usize,
}

impl Reader {
    pub(super) fn new(payload: Bytes) -> Result<Self, DecodeError> {
        // Spans are 32 bits wide; the frontend protocol frames less than that.
        if u32::try_from(payload.len()).is_err() {
            return Err(DecodeError::TooLong { length: payload.len() });
        }
        let tag = *payload.first().ok_or(DecodeError::Empty)?;
        Ok(Self { payload, tag, at: 1 })
    }

    pub(super) fn tag(&self) -> u8 {
        self.tag
    }

    pub(super) fn payload(&self) -> Bytes {
        self.payload.clone()
    }

    pub(super) fn remaining(&self) -> usize {
        self.payload.len() - self.at
    }

    /// The message must end here.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { tag: self.tag, count }),
        }
    }

    /// Steps over the next `length` bytes and says where they stand.
    pub(super) fn take(&mut self, length: usize) -> Result<Range<usize>, DecodeError> {
        if length > self.remaining() {
            return Err(self.cut_short(length));
        }
        let start = self.at;
        self.at += length;
        Ok(start..self.at)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let range = self.take(length)?;
        Ok(self.payload.slice(range))
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A time, in microseconds since 1970-01-01 UTC.
    pub(super) fn time(&mut self) -> Result<i64, DecodeError> {
        let since_2000 = self.array().map(i64::from_be_bytes)?;
        Ok(since_2000.saturating_add(POSTGRES_EPOCH))
    }

    /// Text up to a NUL.
    pub(super) fn string(&mut self) -> Result<String, DecodeError> {
        let (tag, at) = (self.tag, self.at);
        let rest = &self.payload[at..];
        let length = rest.iter().position(|byte| *byte == 0);
        let length = length.ok_or_else(|| self.cut_short(rest.len() + 1))?;
        let text = std::str::from_utf8(&rest[..length])
            .map_err(|source| DecodeError::NotUtf8 { tag, at, source })?
            .to_owned();
        self.at += length + 1;
        Ok(text)
    }

    /// A byte that is one of `expected`.
    pub(super) fn mark(&mut self, expected: &'static str) -> Result<u8, DecodeError> {
        let (tag, at) = (self.tag, self.at);
        let found = self.u8()?;
        if expected.as_bytes().contains(&found) {
            Ok(found)
        } else {
            Err(DecodeError::UnknownMark { tag, at, found, expected })
        }
    }

    pub(super) fn identity(&mut self) -> Result<ReplicaIdentity, DecodeError> {
        Ok(match self.mark("dnfi")? {
            b'n' => ReplicaIdentity::Nothing,
            b'f' => ReplicaIdentity::Full,
            b'i' => ReplicaIdentity::Index,
            _ => ReplicaIdentity::Default,
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some(bytes) = self.payload[self.at..].first_chunk() else {
            return Err(self.cut_short(N));
        };
        self.at += N;
        Ok(*bytes)
    }

    fn cut_short(&self, needed: usize) -> DecodeError {
        DecodeError::CutShort { tag: self.tag, at: self.at, needed, remaining: self.remaining() }
    }
}
