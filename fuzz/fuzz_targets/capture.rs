//! Any bytes as a stream of pgoutput messages, each after its length in 16 bits: captured or
//! refused, never a panic. The catalog knows nothing.

#![no_main]

use bytes::{Buf, Bytes};
use libfuzzer_sys::fuzz_target;
use walhook::capture::{Capture, Captured};
use walhook::decode::decode;
use walhook::store::catalog::Answer;

fuzz_target!(|bytes: &[u8]| {
    let mut stream = Bytes::copy_from_slice(bytes);
    let mut capture = Capture::new(1 << 10);
    while let Ok(length) = stream.try_get_u16() {
        let message = stream.split_to(stream.len().min(length.into()));
        let Ok(message) = decode(message) else { continue };
        match capture.accept(message) {
            Ok(Captured::Unknown(_)) => drop(capture.learn(&Answer::default())),
            Ok(_) => {}
            Err(_) => capture.restart(),
        }
    }
});
