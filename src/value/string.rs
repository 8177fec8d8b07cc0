//! JSON strings: escaping by runs, because nearly all text needs none.

/// Appends `text` as a JSON string; bytes that are not UTF-8 become U+FFFD.
pub fn write(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if std::str::from_utf8(text).is_ok() {
        escape(text, out);
    } else {
        for chunk in text.utf8_chunks() {
            escape(chunk.valid().as_bytes(), out);
            if !chunk.invalid().is_empty() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
    }
    out.push(b'"');
}

/// Length of the longest prefix without a quote, a backslash or a control character.
pub(super) fn plain_run(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return 8 * index + special.trailing_zeros() as usize / 8;
        }
    }
    let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
    8 * words.len() + run.unwrap_or(rest.len())
}

/// Sets the high bit of each byte that needs an escape. A borrow may set bits above the first
/// true one, so only the lowest is to be trusted; that is the one we look for.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    below(word, 0x20) | below(quote, 1) | below(backslash, 1)
}

fn escape(mut text: &[u8], out: &mut Vec<u8>) {
    loop {
        let (run, rest) = text.split_at(plain_run(text));
        out.extend_from_slice(run);
        let Some((special, rest)) = rest.split_first() else { return };
        escape_byte(*special, out);
        text = rest;
    }
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_ascii_byte_at_every_place_of_a_word_reads_back() {
        for byte in 0..128u8 {
            for place in 0..20 {
                let mut text = [b'x'; 20];
                text[place] = byte;
                let mut out = Vec::new();
                write(&text, &mut out);
                let read: String = serde_json::from_slice(&out).unwrap();
                assert_eq!(read.as_bytes(), text);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            write(text.as_bytes(), &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn any_bytes_make_a_string(bytes in any::<Vec<u8>>()) {
            let mut out = Vec::new();
            write(&bytes, &mut out);
            let read: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&bytes));
        }
    }
}
