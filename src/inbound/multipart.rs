//! `multipart/form-data`, of a body that is there as a whole.
//!
//! The parsers that Rust has read streams; what is left without one is small enough to read.

use std::borrow::Cow;

use memchr::memmem;

use super::form::{Field, Form};

/// RFC 2046 allows 70.
const LONGEST_BOUNDARY: usize = 200;
/// A part has three or four.
const MOST_HEADERS: usize = 32;

/// Reads the form; `None` if the content type has no boundary or the body does not keep to it.
pub(crate) fn parse<'a>(content_type: &str, body: &'a [u8]) -> Option<Form<'a>> {
    let boundary = parameter(content_type, "boundary")?;
    if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY {
        return None;
    }
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = after_first(body, delimiter.as_bytes())?;
    let mut form = Form::default();
    let finder = memmem::Finder::new(&delimiter);
    while !rest.starts_with(b"--") {
        // Blanks may stand between the boundary and its line's end.
        let line = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let part = rest[line..].strip_prefix(b"\r\n")?;
        // A part without headers ends where it begins: its delimiter shares this line's end.
        let part_start = part.as_ptr() as usize - rest.as_ptr() as usize - 2;
        let end = part_start + finder.find(&rest[part_start..])?;
        let part = rest.get(part_start + 2..end)?;
        add(&mut form, part)?;
        rest = &rest[end + delimiter.len()..];
    }
    Some(form)
}

/// What follows the first delimiter, which may stand at the body's very beginning.
fn after_first<'a>(body: &'a [u8], delimiter: &[u8]) -> Option<&'a [u8]> {
    let without_line_end = &delimiter[2..];
    if let Some(rest) = body.strip_prefix(without_line_end) {
        return Some(rest);
    }
    let found = memmem::find(body, delimiter)?;
    Some(&body[found + delimiter.len()..])
}

fn add<'a>(form: &mut Form<'a>, part: &'a [u8]) -> Option<()> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let parsed = httparse::parse_headers(part, &mut headers).ok()?;
    let httparse::Status::Complete((length, headers)) = parsed else { return None };
    let header = |name: &str| {
        let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value))
    };
    let disposition = header("content-disposition")?;
    let name = parameter(&disposition, "name")?;
    let bytes = part.get(length..)?;
    let file = parameter(&disposition, "filename");
    // With `filename*` alone it is a file too, though we do not read that spelling of the name.
    let field = if file.is_some() || parameter(&disposition, "filename*").is_some() {
        let content_type = header("content-type").map(Cow::into_owned);
        Field::File { name: file.unwrap_or_default(), content_type, bytes }
    } else {
        Field::Text(Cow::Borrowed(bytes))
    };
    form.push(Cow::Owned(name.into_bytes()), field)
}

/// The value of a parameter, as in `form-data; name="a"; filename=b.txt`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start());
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.split_once(';')?.1;
    }
}

/// A value, quoted or not, and what follows it. In quotes, a backslash spares quotes and
/// backslashes only: browsers of old sent paths of Windows unescaped.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, spared)) => value.push(spared),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn json(content_type: &str, body: &str) -> Option<String> {
        parse(content_type, body.as_bytes()).map(|form| form.to_json())
    }

    fn part(head: &str, content: &str) -> String {
        format!("--XX\r\n{head}\r\n\r\n{content}\r\n")
    }

    #[test]
    fn fields_and_files_are_read_to_the_byte() {
        let body = [
            part("Content-Disposition: form-data; name=\"a\"", "1\r\n--X\r\n"),
            part("content-disposition: form-data; name=a", ""),
            part(
                "Content-Disposition: form-data; filename=\"x \\\"1\\\".txt\"; name=\"f\"\r\n\
                 Content-Type: text/plain",
                "abc",
            ),
            "--XX--\r\nepilogue".to_owned(),
        ]
        .concat();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = format!(
            r#"{{"a":["1\r\n--X\r\n",""],"f":{{"name":"x \"1\".txt","sha256":"{sha256}","size":3,"type":"text/plain"}}}}"#
        );
        for content_type in [
            TYPE,
            "multipart/form-data; boundary=\"XX\"",
            "multipart/form-data; charset=utf-8; BOUNDARY=XX ; x=y",
        ] {
            assert_eq!(json(content_type, &body), Some(expected.clone()), "{content_type}");
        }
        assert_eq!(json(TYPE, &format!("preamble\r\n{body}")), Some(expected));
    }

    #[test]
    fn a_file_is_never_a_text_whatever_its_name() {
        for file in ["filename=x", "filename=\"\"", "filename*=utf-8''x", "FileName = \"x\""] {
            let head = format!("Content-Disposition: form-data; name=\"token\"; {file}");
            let body = format!("{}--XX--", part(&head, "t"));
            let form = parse(TYPE, body.as_bytes()).unwrap();
            assert_eq!(form.texts(b"token").count(), 0, "{file}");
        }
    }

    #[test]
    fn a_body_that_does_not_keep_to_its_boundary_is_refused() {
        let good = part("Content-Disposition: form-data; name=a", "1");
        assert!(json(TYPE, &format!("{good}--XX--")).is_some());
        for body in [
            String::new(),
            good.clone(),
            format!("{good}--XX"),
            format!("{good}--XXX--"),
            "--XX\r\n\r\n--XX--".to_owned(),
            format!("{}--XX--", part("Content-Disposition: form-data", "1")),
            format!("{}--XX--", part("Content-Type: text/plain", "1")),
            format!("{}--XX--", part("no header", "1")),
            "--XX\nContent-Disposition: form-data; name=a\n\n1\n--XX--".to_owned(),
        ] {
            assert_eq!(json(TYPE, &body), None, "{body}");
        }
        assert_eq!(json("multipart/form-data", &good), None);
        assert_eq!(json("multipart/form-data; boundary=", &good), None);
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let many = part("Content-Disposition: form-data; name=a", "1").repeat(5_000);
        assert_eq!(json(TYPE, &format!("{many}--XX--")), None);
    }

    #[test]
    fn a_form_without_parts_is_an_empty_one() {
        assert_eq!(json(TYPE, "--XX--\r\n"), Some("{}".to_owned()));
    }
}
