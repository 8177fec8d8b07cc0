//! bytea: hex or escape form to base64, a block at a time, so that no whole value is held twice.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes encoded at a time; divisible by 3, so that padding stands at the end only.
const BLOCK: usize = 192;

/// Appends the bytes as a base64 JSON string; false where the text is neither form.
pub(super) fn write(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut encoder = Encoder { block: [0; BLOCK], filled: 0, out };
    encoder.out.push(b'"');
    // The escape form writes a backslash as two, so it never begins like the hex form.
    let read = match text.strip_prefix(b"\\x") {
        Some(digits) => from_hex(digits, &mut encoder),
        None => from_escapes(text, &mut encoder),
    };
    encoder.flush();
    encoder.out.push(b'"');
    read.is_some()
}

fn from_hex(digits: &[u8], encoder: &mut Encoder<'_>) -> Option<()> {
    let (pairs, rest) = digits.as_chunks::<2>();
    for [high, low] in pairs {
        encoder.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
    }
    rest.is_empty().then_some(())
}

fn from_escapes(text: &[u8], encoder: &mut Encoder<'_>) -> Option<()> {
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let value = match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                high @ b'0'..=b'3' => {
                    let mut digit = || bytes.next().filter(|d| (b'0'..=b'7').contains(d));
                    (high - b'0') << 6 | (digit()? - b'0') << 3 | (digit()? - b'0')
                }
                _ => return None,
            },
            plain => plain,
        };
        encoder.push(value);
    }
    Some(())
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

struct Encoder<'a> {
    block: [u8; BLOCK],
    filled: usize,
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    fn push(&mut self, byte: u8) {
        self.block[self.filled] = byte;
        self.filled += 1;
        if self.filled == BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut text = [0; BLOCK / 3 * 4];
        let length = STANDARD
            .encode_slice(&self.block[..self.filled], &mut text)
            .expect("four characters for each three bytes of a block");
        self.out.extend_from_slice(&text[..length]);
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        write(text, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn both_output_forms_give_the_same_base64() {
        assert_eq!(json(b"\\x").unwrap(), "\"\"");
        assert_eq!(json(b"").unwrap(), "\"\"");
        assert_eq!(json(b"\\xdeadBEEF").unwrap(), "\"3q2+7w==\"");
        assert_eq!(json(b"\\336\\255\\276\\357").unwrap(), "\"3q2+7w==\"");
        assert_eq!(json(b"a\\\\x").unwrap(), "\"YVx4\"");
    }

    #[test]
    fn broken_text_is_refused() {
        for text in ["\\x1", "\\xzz", "\\", "\\1", "\\400", "\\08", "\\y"] {
            assert_eq!(json(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..1000)) {
            let mut text = b"\\x".to_vec();
            text.extend(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
            prop_assert_eq!(json(&text).unwrap(), format!("\"{}\"", STANDARD.encode(&bytes)));
        }
    }
}
