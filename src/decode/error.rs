//! What can be wrong with a message.

use std::fmt;

/// The bytes were not one well-formed pgoutput message of protocol 1 in text format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No byte at all.
    #[error("pgoutput message is empty")]
    Empty,
    /// No message of protocol 1 begins so; those of streamed or two-phase transactions do not.
    #[error("pgoutput message has the unknown tag {}", Shown(*.tag))]
    UnknownTag {
        /// The first byte.
        tag: u8,
    },
    /// The message ends inside a field.
    #[error("pgoutput message {} ends early: byte {at} begins a field of {needed} bytes or more, {remaining} are left", Shown(*.tag))]
    CutShort {
        /// The first byte.
        tag: u8,
        /// Where the field begins.
        at: usize,
        /// The least it takes.
        needed: usize,
        /// What there is.
        remaining: usize,
    },
    /// The message goes on after its last field.
    #[error("pgoutput message {} has {count} bytes too many", Shown(*.tag))]
    TrailingBytes {
        /// The first byte.
        tag: u8,
        /// Bytes after the last field.
        count: usize,
    },
    /// A name is not UTF-8, so the session's `client_encoding` is not either.
    #[error("pgoutput message {} holds a name at byte {at} that is not UTF-8", Shown(*.tag))]
    NotUtf8 {
        /// The first byte.
        tag: u8,
        /// Where the name begins.
        at: usize,
        /// What is wrong with it.
        source: std::str::Utf8Error,
    },
    /// A byte that tells what follows is none of those the protocol knows there.
    #[error("pgoutput message {} has {} at byte {at}, expected one of {expected:?}", Shown(*.tag), Shown(*.found))]
    UnknownMark {
        /// The first byte.
        tag: u8,
        /// Where it stands.
        at: usize,
        /// The byte.
        found: u8,
        /// Those that may stand there.
        expected: &'static str,
    },
    /// A value in binary format, which was not asked for.
    #[error("pgoutput message {} has column {column} in binary format, expected text", Shown(*.tag))]
    BinaryColumn {
        /// The first byte.
        tag: u8,
        /// Its place in the tuple, from 0.
        column: usize,
    },
    /// More bytes than PostgreSQL's protocol can frame.
    #[error("pgoutput message of {length} bytes is too long")]
    TooLong {
        /// Bytes.
        length: usize,
    },
}

/// A byte as one reads it: `'B'`, `'\x00'`.
struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.escape_ascii())
    }
}
