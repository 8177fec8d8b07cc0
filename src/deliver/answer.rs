//! What an attempt leaves in the log: headers, body and delay of the answer, bounded and masked.
//! Pure.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};
use url::Url;

use crate::secret::Secret;

/// Longer requests for patience are cut to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A `Retry-After` as a delay from `now`: seconds, a fraction rounded up, or an HTTP date, a past
/// one being no delay. Anything else is nothing.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let delay = match seconds(value) {
        Some(seconds) => Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX),
        None => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(delay.min(LONGEST_RETRY_AFTER))
}

/// Digits, perhaps with a fraction; not all else that a float may be.
fn seconds(value: &str) -> Option<f64> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| value.parse().ok()).flatten()
}

/// What the log keeps of an answer's headers at most; a few headers more than this are left out.
const MOST_HEADER_BYTES: usize = 16 * 1024;

/// Headers as one JSON object, repeated ones joined as HTTP says. Values that look secret, those
/// of the names in `masked`, and `secrets` that the receiver echoed in others, are stars.
pub(super) fn headers_json<'a>(
    headers: &HeaderMap,
    masked: &[HeaderName],
    secrets: impl Iterator<Item = &'a Secret> + Clone,
) -> String {
    let mut json = String::with_capacity(64 * headers.len() + 2);
    json.push('{');
    for name in headers.keys() {
        let before = json.len();
        if before > 1 {
            json.push(',');
        }
        push_json(&mut json, name.as_str());
        json.push(':');
        if is_secret(name) || masked.contains(name) {
            json.push_str("\"***\"");
        } else {
            let values = headers.get_all(name).iter();
            let values: Vec<_> =
                values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            push_json(&mut json, &without(values.join(", "), secrets.clone()));
        }
        if json.len() >= MOST_HEADER_BYTES {
            json.truncate(before);
        }
    }
    json.push('}');
    json
}

fn push_json(json: &mut String, text: &str) {
    // JSON of a text cannot fail; a NUL would be refused by PostgreSQL's jsonb.
    json.push_str(&serde_json::to_string(text).unwrap_or_default().replace("\\u0000", "?"));
}

fn is_secret(name: &HeaderName) -> bool {
    const MARKS: [&str; 8] = [
        "cookie",
        "authorization",
        "authentication",
        "token",
        "secret",
        "password",
        "api-key",
        "signature",
    ];
    MARKS.iter().any(|mark| name.as_str().contains(mark))
}

/// A body as text of at most `limit` bytes, cut between characters: what is not UTF-8 and NUL
/// become U+FFFD, and `secrets` that the receiver echoed become stars.
pub(super) fn body_text<'a>(
    body: &[u8],
    limit: usize,
    secrets: impl Iterator<Item = &'a Secret>,
) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    let mut text = without(text, secrets);
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn without<'a>(mut text: String, secrets: impl Iterator<Item = &'a Secret>) -> String {
    for secret in secrets.map(Secret::expose) {
        if secret.len() >= SHORTEST_SECRET && text.contains(secret) {
            text = text.replace(secret, "***");
        }
    }
    text
}

/// Shorter ones would turn ordinary words into stars.
const SHORTEST_SECRET: usize = 6;

/// A URL as the log shows it: without user info and fragment, with query values masked.
pub(super) fn logged_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have user info.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    let masked = url.query().map(|query| {
        let mask = |pair: &str| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=***"),
            // Without a name it is a value.
            None if pair.is_empty() => String::new(),
            None => "***".to_owned(),
        };
        query.split('&').map(mask).collect::<Vec<_>>().join("&")
    });
    shown.set_query(masked.as_deref());
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn after(value: &str) -> Option<u64> {
        let now = httpdate::parse_http_date("Fri, 16 Jan 2026 12:30:00 GMT").unwrap();
        retry_after(value, now).map(|delay| delay.as_secs())
    }

    #[test]
    fn retry_after_takes_seconds_and_rounds_fractions_up() {
        for (value, seconds) in
            [("120", 120), ("120.1", 121), ("120.0", 120), (" 5 ", 5), ("0", 0), ("0.001", 1)]
        {
            assert_eq!(after(value), Some(seconds), "{value}");
        }
    }

    #[test]
    fn retry_after_takes_dates_and_a_past_one_is_now() {
        assert_eq!(after("Fri, 16 Jan 2026 12:32:00 GMT"), Some(120));
        assert_eq!(after("Friday, 16-Jan-26 12:32:00 GMT"), Some(120));
        assert_eq!(after("Fri, 16 Jan 2026 12:29:00 GMT"), Some(0));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
    }

    #[test]
    fn retry_after_is_capped_at_a_day() {
        for value in ["86401", "99999999999999999999999999", "Fri, 16 Jan 2099 12:30:00 GMT"] {
            assert_eq!(after(value), Some(86400), "{value}");
        }
    }

    #[test]
    fn a_retry_after_that_is_neither_is_ignored() {
        for value in ["invalid", "", "-1", "+1", "1e3", "1.", ".5", "inf", "NaN", "1 2", "0x10"] {
            assert_eq!(after(value), None, "{value}");
        }
    }

    fn headers(list: &[(&'static str, &[u8])]) -> HeaderMap {
        let named = |name| HeaderName::from_static(name);
        let value = |value| HeaderValue::from_bytes(value).unwrap();
        list.iter().map(|(name, bytes)| (named(name), value(bytes))).collect()
    }

    #[test]
    fn headers_become_one_object_with_secrets_masked() {
        let headers = headers(&[
            ("content-type", b"text/plain"),
            ("set-cookie", b"session=1"),
            ("via", b"a"),
            ("via", b"b \"quoted\""),
            ("x-access-token", b"t"),
            ("x-mine", b"echoed"),
            ("x-binary", b"caf\xe9"),
            ("x-echo", b"Bearer hunter22"),
        ]);
        let secrets = [Secret::new("hunter22")];
        assert_eq!(
            headers_json(&headers, &[HeaderName::from_static("x-mine")], secrets.iter()),
            r#"{"content-type":"text/plain","set-cookie":"***","via":"a, b \"quoted\"","x-access-token":"***","x-mine":"***","x-binary":"caf�","x-echo":"Bearer ***"}"#
        );
        assert_eq!(headers_json(&HeaderMap::new(), &[], [].iter()), "{}");
    }

    #[test]
    fn what_is_kept_of_headers_is_bounded_and_stays_json() {
        let mut map = headers(&[("a", b"1")]);
        map.insert("big", HeaderValue::try_from("x".repeat(65_000)).unwrap());
        map.insert("z", HeaderValue::from_static("2"));
        assert_eq!(headers_json(&map, &[], [].iter()), r#"{"a":"1","z":"2"}"#);
    }

    #[test]
    fn a_body_becomes_text_cut_between_characters() {
        assert_eq!(body_text(b"a\0b\xffc", 100, [].iter()), "a\u{fffd}b\u{fffd}c");
        assert_eq!(body_text("aéé".as_bytes(), 4, [].iter()), "aé");
        assert_eq!(body_text("aéé".as_bytes(), 5, [].iter()), "aéé");
        assert_eq!(body_text(b"abc", 0, [].iter()), "");
        assert_eq!(body_text(&[0xff; 10], 10, [].iter()), "\u{fffd}".repeat(3));
    }

    #[test]
    fn a_secret_that_the_receiver_echoes_is_masked() {
        let secrets = [Secret::new("hunter22"), Secret::new("a")];
        assert_eq!(body_text(b"{\"key\":\"hunter22\"}", 100, secrets.iter()), "{\"key\":\"***\"}");
    }

    #[test]
    fn the_logged_url_has_no_user_info_and_no_query_values() {
        for (url, logged) in [
            (
                "https://u:p@h.example:8443/a/b?k=v&t=1&x",
                "https://h.example:8443/a/b?k=***&t=***&***",
            ),
            ("https://h.example", "https://h.example/"),
            ("https://h.example/?#secret", "https://h.example/?"),
            ("http://[::1]:80/x", "http://[::1]/x"),
        ] {
            assert_eq!(logged_url(&url.parse().unwrap()), logged);
        }
    }
}
