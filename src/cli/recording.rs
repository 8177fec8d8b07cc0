//! A recorded HTTP request: its line, its headers, an empty line, and the body to the byte.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::failure::Failure;
use super::flags::read_body;
use crate::inbound::verdict::Request;

const MOST_HEADERS: usize = 256;

/// Reads the request that a file holds, or standard input where the path is `-`.
pub(super) fn read(path: &Path) -> Result<Request, Failure> {
    let bytes = if path == Path::new("-") {
        read_body()?
    } else {
        let what = || format!("--request {}", path.display());
        fs::read(path).map_err(|error| Failure::configuration(what(), error))?
    };
    parse(bytes).map_err(|why| {
        let what = format!("--request {} is not a recorded HTTP/1.1 request", path.display());
        Failure::configuration(what, why)
    })
}

/// Lines of the head may end in CR LF or, as editors leave them, in LF.
fn parse(bytes: Vec<u8>) -> Result<Request, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(&bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err("there is no empty line behind the headers"),
        Err(_) => return Err("it must begin as in POST /webhooks/x HTTP/1.1, with headers below"),
    };
    let method = head.method.unwrap_or_default().parse().map_err(|_| "the method is none")?;
    let target = head.path.unwrap_or_default().to_owned();
    let mut map = HeaderMap::new();
    for header in head.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        let (Ok(name), Ok(value)) = (name, value) else { return Err("a header is none") };
        map.append(name, value);
    }
    Ok(Request { method, target, headers: map, body: Bytes::from(bytes).slice(length..) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_whatever_its_line_ends() {
        for end in ["\r\n", "\n"] {
            let text =
                format!("POST /webhooks/x?a=1 HTTP/1.1{end}X-A: b{end}x-a:c{end}{end}a\r\n\n");
            let request = parse(text.into_bytes()).unwrap();
            assert_eq!(
                (request.method.as_str(), request.target.as_str()),
                ("POST", "/webhooks/x?a=1")
            );
            let values: Vec<_> = request.headers.get_all("x-a").iter().collect();
            assert_eq!(values, ["b", "c"]);
            assert_eq!(request.body, "a\r\n\n");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for bad in ["", "{}", "POST / HTTP/1.1\r\nA: b\r\n", "POST / HTTP/1.1\r\nno header\r\n\r\n"]
        {
            assert!(parse(bad.as_bytes().to_vec()).is_err(), "{bad}");
        }
    }
}
