//! Steps through JSON that is known to be valid.

/// Stands inside a list or an object.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`'s inside; at its end if it does not begin with `bracket`.
    pub(super) fn inside(text: &'a str, bracket: u8) -> Self {
        let at = if text.as_bytes().first() == Some(&bracket) { 1 } else { text.len() };
        Self { text, at }
    }

    /// The next value, a member's name being one.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        let start = self.at + bytes.get(self.at..)?.iter().position(|byte| !between(byte))?;
        if matches!(bytes[start], b']' | b'}') {
            self.at = bytes.len();
            return None;
        }
        self.at = end_of_value(bytes, start);
        self.text.get(start..self.at)
    }
}

/// Where the value that begins at `start` ends.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => end_of_string(bytes, start),
        Some(b'{' | b'[') => end_of_container(bytes, start),
        _ => {
            let rest = bytes.get(start..).unwrap_or_default();
            let ends =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
            start + rest.iter().position(ends).unwrap_or(rest.len())
        }
    }
}

/// Where the string whose opening quote is at `start` ends, its closing quote included.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn end_of_container(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}
