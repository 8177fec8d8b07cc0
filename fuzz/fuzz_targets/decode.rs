//! Any bytes as one pgoutput message: an error or a message, never a panic.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use walhook::change::{OldTuple, Row, Tuple};
use walhook::decode::{Message, decode};

fuzz_target!(|bytes: &[u8]| {
    match decode(Bytes::copy_from_slice(bytes)) {
        Ok(Message::Change { row, .. }) => match row {
            Row::Insert { new } => read(&new),
            Row::Update { old, new } => {
                read_old(&old);
                read(&new);
            }
            Row::Delete { old } => read_old(&old),
            Row::Truncate => unreachable!("a truncate is a message of its own"),
        },
        Ok(_) => {}
        Err(error) => drop(error.to_string()),
    }
});

fn read_old(old: &OldTuple) {
    if let OldTuple::Key(tuple) | OldTuple::Full(tuple) = old {
        read(tuple);
    }
}

/// Every span must point into the message.
fn read(tuple: &Tuple) {
    for index in 0..tuple.cells.len() {
        let _ = std::hint::black_box(tuple.cell(index));
    }
}
