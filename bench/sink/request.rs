//! A request's bytes, as far as the receiver cares: path, length, row number.

use std::io;

/// The first whole request of a buffer.
pub(super) struct Request<'a> {
    /// The number at the end of the path.
    pub(super) path: usize,
    /// The body.
    pub(super) body: &'a [u8],
    /// The row's number in it.
    pub(super) row: Option<u64>,
    /// Bytes of head and body.
    pub(super) length: usize,
}

impl<'a> Request<'a> {
    /// `None`: it is not whole yet.
    pub(super) fn parse(bytes: &'a [u8]) -> io::Result<Option<Self>> {
        let Some(head_length) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
            return Ok(None);
        };
        let head = &bytes[..head_length];
        let mut lines = head.split(|byte| *byte == b'\n');
        let path = lines.next().and_then(path_number).unwrap_or(0);
        let length = lines.find_map(content_length).ok_or(io::ErrorKind::InvalidData)?;
        let length = head_length + length;
        if bytes.len() < length {
            return Ok(None);
        }
        let body = &bytes[head_length..length];
        Ok(Some(Self { path, body, row: row_number(body), length }))
    }
}

/// `POST /e/12 HTTP/1.1`: 12.
fn path_number(line: &[u8]) -> Option<usize> {
    let path = line.split(|byte| *byte == b' ').nth(1)?;
    let last = path.rsplit(|byte| *byte == b'/').next()?;
    std::str::from_utf8(last).ok()?.parse().ok()
}

fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn row_number(body: &[u8]) -> Option<u64> {
    const MARK: &[u8] = b"\"R-";
    let digits = &body[find(body, MARK)? + MARK.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// Looks for the first byte first, which the standard library does with the processor's help.
fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let (first, mut from) = (*pattern.first()?, 0);
    loop {
        let at = from + bytes[from..].iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(pattern) {
            return Some(at);
        }
        from = at + 1;
    }
}
