//! Any bytes as one pgoutput message: an error or a message, never a panic.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use walhook::change::{OldTuple, Tuple};
use walhook::decode::{Message, decode};

fuzz_target!(|bytes: &[u8]| {
    match decode(Bytes::copy_from_slice(bytes)) {
        Ok(Message::Insert { new, .. }) => read(&new),
        Ok(Message::Delete { old, .. }) => read_old(&old),
        Ok(Message::Update { old, new, .. }) => {
            read_old(&old);
            read(&new);
        }
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
