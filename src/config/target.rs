//! `url` and `tls`: whom an endpoint calls.

use percent_encoding::percent_decode_str;
use url::Url;

use super::reader::Problem;
use super::value::Value;
use crate::endpoint::{Auth, TlsFiles};
use crate::secret::{Secret, SecretUrl};

const LONGEST_URL_BYTES: usize = 4096;

/// Reads `url`; user info in it becomes basic auth and leaves the URL.
pub(super) fn read_url(value: &Value<'_>, allow_http: bool) -> Option<(Url, Option<Auth>)> {
    let mut url = parse_url(value, &value.hidden_text()?, allow_http)?;
    let auth = user_info(value, &url)?;
    // Fails only for URLs without a host, which http and https always have.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return refuse(value, "not a URL with a host");
    }
    Some((url, auth))
}

/// The URL of a call that is no delivery, in which user info has no meaning.
pub(super) fn parse_bare_url(value: &Value<'_>, text: &str, allow_http: bool) -> Option<SecretUrl> {
    let url = parse_url(value, text, allow_http)?;
    match url.username().is_empty() && url.password().is_none() {
        true => Some(SecretUrl::new(url)),
        false => refuse(value, "user info is not sent there"),
    }
}

/// URLs are never shown: user info and query may be secrets, and in a mistyped URL nobody knows
/// where they end.
fn parse_url(value: &Value<'_>, text: &str, allow_http: bool) -> Option<Url> {
    let refuse = |problem: &str| refuse(value, problem);
    if text.len() > LONGEST_URL_BYTES {
        return value.refuse(
            Problem::new("the URL is too long", "shorten it").allowed("at most 4096 bytes"),
        );
    }
    if text.trim() != text || text.contains(|c: char| c.is_control()) {
        return refuse("white space around or inside the URL");
    }
    // The URL standard forgives `https:///host` and `https:host`; a reader of the file would not.
    let behind = text.split_once("://").map(|(_, rest)| rest);
    if text.contains('\\')
        || behind.is_none_or(|rest| rest.starts_with(['/', '?', '#']) || rest.is_empty())
    {
        return refuse("not an absolute URL");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(&format!("not a URL: {error}")),
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => {
            return value.refuse(
                Problem::new(
                    "http is not allowed",
                    "take https, or write allow_http = true in [security]",
                )
                .allowed("https"),
            );
        }
        _ => return refuse("neither http nor https"),
    }
    if url.fragment().is_some() {
        return value.refuse(Problem::new("a fragment is never sent", "leave out what follows #"));
    }
    match url.port() {
        Some(0) => refuse("port 0 cannot be called"),
        _ => Some(url),
    }
}

fn refuse<T>(value: &Value<'_>, problem: &str) -> Option<T> {
    value.refuse(Problem::new(problem, value.assignment("\"https://example.com/hooks\"")))
}

/// Whether a URL or DSN holds a password itself, not a reference to one. A guess for a warning.
pub(super) fn has_password(text: &str) -> bool {
    let in_url = text.split_once("://").and_then(|(_, rest)| {
        let authority = rest.split('/').next()?;
        Some(authority.rsplit_once('@')?.0.split_once(':')?.1)
    });
    let in_dsn =
        text.split_once("password").map(|(_, rest)| rest.trim_start_matches([' ', '=', '\'']));
    [in_url, in_dsn]
        .into_iter()
        .flatten()
        .any(|password| !password.is_empty() && !password.starts_with("${"))
}

/// The outer `None` is a fault.
fn user_info(value: &Value<'_>, url: &Url) -> Option<Option<Auth>> {
    if url.username().is_empty() && url.password().is_none() {
        return Some(None);
    }
    if url.password().is_some() {
        value.warn_of_literal(has_password);
    }
    let decoded =
        |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    match (decoded(url.username()), decoded(url.password().unwrap_or_default())) {
        (Some(username), Some(password)) if !username.contains(':') => {
            Some(Some(Auth::Basic { username, password: Secret::new(password) }))
        }
        _ => value.refuse(Problem::new(
            "the URL's user info is not what basic auth can carry",
            "write auth = { type = \"basic\", username = \"…\", password = \"…\" } instead",
        )),
    }
}

/// Reads `tls`.
pub(super) fn read_tls(value: &Value<'_>) -> Option<TlsFiles> {
    value.table(|table| {
        let mut file = |key| table.read(key, read_file, None);
        let (ca_file, cert_file, key_file) = (file("ca_file"), file("cert_file"), file("key_file"));
        let given = |key| table.is_given(key);
        match (cert_file.is_some(), key_file.is_some()) {
            (true, false) if !given("key_file") => table.value().refuse(Problem::new(
                "a client certificate without its key",
                "add key_file = \"/path/to/key.pem\"",
            )),
            (false, true) if !given("cert_file") => table.value().refuse(Problem::new(
                "a client key without its certificate",
                "add cert_file = \"/path/to/cert.pem\"",
            )),
            _ => Some(TlsFiles { ca_file, cert_file, key_file }),
        }
    })
}

fn read_file(value: &Value<'_>) -> Option<Option<std::path::PathBuf>> {
    let path = value.path()?;
    match path.as_deref().map(std::fs::File::open) {
        Some(Err(error)) => value.refuse(
            Problem::new(
                format!("the file cannot be read: {error}"),
                "name a PEM file that walhook's user may read",
            )
            .given(value.given()),
        ),
        _ => Some(path),
    }
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn literal_passwords_are_told_from_references() {
        for text in [
            "postgres://u:p@h/d",
            "https://u:p@h",
            "host=h password=p",
            "host=h password = 'p'",
            "postgres://h/d?password=p",
        ] {
            assert!(has_password(text), "{text}");
        }
        for text in [
            "postgres://u@h/d",
            "postgres://u:${P}@h/d",
            "https://h:80/a",
            "host=h password=${P}",
            "host=h",
        ] {
            assert!(!has_password(text), "{text}");
        }
    }
}
