//! Custom headers: what may be sent beside walhook's own (contract 3.2).

use http::{HeaderName, HeaderValue};

use super::fault::quoted;
use super::reader::Problem;
use super::value::Value;
use crate::secret::Secret;

const MOST_HEADERS: usize = 64;
const LARGEST_VALUE_BYTES: usize = 4096;

/// Names that walhook or HTTP itself sets.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const RESERVED_PREFIXES: [&str; 2] = ["webhook-", "x-webhook-"];

/// Words in names of headers whose values are credentials.
const CREDENTIAL_WORDS: [&str; 7] =
    ["authorization", "cookie", "key", "password", "secret", "signature", "token"];

/// Reads `headers`.
pub(super) fn read(value: &Value<'_>) -> Option<Vec<(String, Secret)>> {
    value.table(|table| {
        let mut headers: Vec<(String, Secret)> = Vec::new();
        for (name, value) in table.members() {
            let named = check_name(name, &value);
            let text = read_value(name, &value);
            if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                value.refuse_key::<()>(Problem::new(
                    "the header is given twice (case does not count)",
                    "keep one of the two",
                ));
            }
            if let (Some(()), Some(text)) = (named, text) {
                headers.push((name.to_owned(), text));
            }
        }
        match headers.len() > MOST_HEADERS {
            true => table.value().refuse(
                Problem::new(format!("{} headers", headers.len()), "leave some out")
                    .allowed(format!("at most {MOST_HEADERS}")),
            ),
            false => Some(headers),
        }
    })
}

fn check_name(name: &str, value: &Value<'_>) -> Option<()> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return value.refuse_key(
            Problem::new("not a header's name", "write it as in \"X-API-Key\"")
                .allowed("letters, digits and !#$%&'*+-.^_`|~"),
        );
    }
    let lower = name.to_ascii_lowercase();
    let reserved = RESERVED.contains(&lower.as_str())
        || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
    match reserved {
        true => value.refuse_key(Problem::new(
            format!("the header {} is reserved: walhook sets it", quoted(name)),
            "leave it out, or take another name",
        )),
        false => Some(()),
    }
}

fn read_value(name: &str, value: &Value<'_>) -> Option<Secret> {
    let lower = name.to_ascii_lowercase();
    let text = match CREDENTIAL_WORDS.iter().any(|word| lower.contains(word)) {
        true => value.secret()?.expose().to_owned(),
        false => value.hidden_text()?,
    };
    if text.contains(['\r', '\n']) {
        return value
            .refuse(Problem::new("a line break in a header's value", "write it in one line"));
    }
    if text.len() > LARGEST_VALUE_BYTES {
        return value.refuse(
            Problem::new(format!("{} bytes in a header's value", text.len()), "shorten it")
                .allowed(format!("at most {LARGEST_VALUE_BYTES} bytes")),
        );
    }
    match HeaderValue::from_bytes(text.as_bytes()) {
        Ok(_) => Some(Secret::new(text)),
        Err(_) => {
            value.refuse(Problem::new("a control character in a header's value", "leave it out"))
        }
    }
}
