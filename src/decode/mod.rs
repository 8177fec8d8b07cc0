//! pgoutput's messages (protocol 1, text format): bytes in, words out. No socket, no state, no
//! catalog; whether a message makes sense after the last one is `capture`'s question.
//!
//! The bytes come from outside. Every read is checked against the end of the message, nothing is
//! allocated by a count that the message merely claims, and what is left over is an error.

mod error;
mod message;
mod reader;
mod tuple;

pub use error::DecodeError;
pub use message::{Message, Relation, RelationColumn};

use bytes::Bytes;

use crate::change::{OldTuple, Row};
use crate::lsn::Lsn;
use reader::Reader;

/// Reads one message. Tuples and contents are slices of `payload`, not copies; both tuples of an
/// update share the same `raw` bytes.
///
/// # Errors
/// Whatever is not exactly one well-formed message in text format.
pub fn decode(payload: Bytes) -> Result<Message, DecodeError> {
    let mut reader = Reader::new(payload)?;
    let message = match reader.tag() {
        b'B' => begin(&mut reader),
        b'C' => commit(&mut reader),
        b'O' => origin(&mut reader),
        b'R' => relation(&mut reader),
        b'Y' => type_name(&mut reader),
        b'I' => insert(&mut reader),
        b'U' => update(&mut reader),
        b'D' => delete(&mut reader),
        b'T' => truncate(&mut reader),
        b'M' => logical(&mut reader),
        tag => Err(DecodeError::UnknownTag { tag }),
    }?;
    reader.finish()?;
    Ok(message)
}

fn begin(reader: &mut Reader) -> Result<Message, DecodeError> {
    let commit = Lsn(reader.u64()?);
    let commit_time = reader.time()?;
    Ok(Message::Begin { commit, commit_time, xid: reader.u32()? })
}

fn commit(reader: &mut Reader) -> Result<Message, DecodeError> {
    let _unused_flags = reader.u8()?;
    let commit = Lsn(reader.u64()?);
    let end = Lsn(reader.u64()?);
    Ok(Message::Commit { commit, end, commit_time: reader.time()? })
}

fn origin(reader: &mut Reader) -> Result<Message, DecodeError> {
    let commit = Lsn(reader.u64()?);
    Ok(Message::Origin { commit, name: reader.string()? })
}

fn relation(reader: &mut Reader) -> Result<Message, DecodeError> {
    let oid = reader.u32()?;
    let mut schema = reader.string()?;
    if schema.is_empty() {
        "pg_catalog".clone_into(&mut schema);
    }
    let name = reader.string()?;
    let identity = reader.identity()?;
    let count = usize::from(reader.u16()?);
    // A column takes at least 10 bytes: flags, an empty name, type, modifier.
    let mut columns = Vec::with_capacity(count.min(reader.remaining() / 10));
    for _ in 0..count {
        let in_identity = reader.u8()? & 1 != 0;
        let name = reader.string()?;
        let type_oid = reader.u32()?;
        let _modifier = reader.u32()?;
        columns.push(RelationColumn { name, type_oid, in_identity });
    }
    Ok(Message::Relation(Relation { oid, schema, name, identity, columns }))
}

fn type_name(reader: &mut Reader) -> Result<Message, DecodeError> {
    let oid = reader.u32()?;
    let schema = reader.string()?;
    Ok(Message::Type { oid, schema, name: reader.string()? })
}

fn insert(reader: &mut Reader) -> Result<Message, DecodeError> {
    let relation = reader.u32()?;
    reader.mark("N")?;
    Ok(Message::Change { relation, row: Row::Insert { new: reader.tuple()? } })
}

fn update(reader: &mut Reader) -> Result<Message, DecodeError> {
    let relation = reader.u32()?;
    let old = match reader.mark("KON")? {
        b'K' => OldTuple::Key(reader.tuple()?),
        b'O' => OldTuple::Full(reader.tuple()?),
        _ => OldTuple::Unknown,
    };
    if old != OldTuple::Unknown {
        reader.mark("N")?;
    }
    Ok(Message::Change { relation, row: Row::Update { old, new: reader.tuple()? } })
}

fn delete(reader: &mut Reader) -> Result<Message, DecodeError> {
    let relation = reader.u32()?;
    let old = match reader.mark("KO")? {
        b'K' => OldTuple::Key(reader.tuple()?),
        _ => OldTuple::Full(reader.tuple()?),
    };
    Ok(Message::Change { relation, row: Row::Delete { old } })
}

fn truncate(reader: &mut Reader) -> Result<Message, DecodeError> {
    let count = reader.u32()? as usize;
    let options = reader.u8()?;
    let mut relations = Vec::with_capacity(count.min(reader.remaining() / 4));
    for _ in 0..count {
        relations.push(reader.u32()?);
    }
    Ok(Message::Truncate {
        relations,
        cascade: options & 1 != 0,
        restart_identity: options & 2 != 0,
    })
}

fn logical(reader: &mut Reader) -> Result<Message, DecodeError> {
    let transactional = reader.u8()? & 1 != 0;
    let lsn = Lsn(reader.u64()?);
    let prefix = reader.string()?;
    let length = reader.u32()? as usize;
    Ok(Message::Logical { transactional, lsn, prefix, content: reader.bytes(length)? })
}
