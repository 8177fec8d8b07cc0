//! The URL that a provider signs, in the spellings that it may have signed it in.
//!
//! It is the configured one: `Host` and `X-Forwarded-*` are what a caller makes of them. Only the
//! query is the request's where the configured URL has none, since it is signed with the rest.

use crate::config::inbound::Quirk;
use crate::inbound::encoding::{from_hex, sha256};

/// What HubSpot decodes in a URL before it signs it.
const HUBSPOT_DECODES: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// Spellings of the URL of a request for `target`, the likeliest first.
pub(super) fn spellings(public: &str, target: &str, quirk: Option<Quirk>) -> Vec<String> {
    // Fragments never travel.
    let public = public.split('#').next().unwrap_or_default();
    let url = match target.split_once('?') {
        Some((_, query)) if !public.contains('?') => format!("{public}?{query}"),
        _ => public.to_owned(),
    };
    let others = match quirk {
        Some(Quirk::Twilio) => vec![with_port(&url), without_port(&url)],
        Some(Quirk::HubSpotUrl) => vec![hubspot(&url)],
        Some(Quirk::NumberedHeaders) | None => Vec::new(),
    };
    let mut spellings = vec![url];
    for other in others {
        if !spellings.contains(&other) {
            spellings.push(other);
        }
    }
    spellings
}

/// Whether `bodySHA256` in a URL's query is the hash of `body`; `None` where there is none.
pub(super) fn binds_body(url: &str, body: &[u8]) -> Option<bool> {
    let (_, query) = url.split_once('?')?;
    let claimed = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))?;
    Some(from_hex(claimed.as_bytes()).is_some_and(|claimed| claimed == sha256(body).as_ref()))
}

fn hubspot(url: &str) -> String {
    HUBSPOT_DECODES.iter().fold(url.to_owned(), |url, (escaped, character)| {
        url.replace(escaped, character).replace(&escaped.to_ascii_lowercase(), character)
    })
}

fn with_port(url: &str) -> String {
    let port = if url.starts_with("https://") { 443 } else { 80 };
    match parts(url) {
        Some((before, host, None, after)) => format!("{before}{host}:{port}{after}"),
        _ => url.to_owned(),
    }
}

fn without_port(url: &str) -> String {
    match parts(url) {
        Some((before, host, Some(_), after)) => format!("{before}{host}{after}"),
        _ => url.to_owned(),
    }
}

/// Scheme, host, port and what follows.
fn parts(url: &str) -> Option<(&str, &str, Option<&str>, &str)> {
    let begin = url.find("://")? + 3;
    let (before, rest) = url.split_at(begin);
    let (authority, after) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let digits = |port: &&str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(digits);
    let host = port.map_or(authority, |port| &authority[..authority.len() - port.len() - 1]);
    Some((before, host, port, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_query_is_taken_only_where_the_public_url_has_none() {
        let plain = |public: &str, target: &str| spellings(public, target, None);
        assert_eq!(plain("https://a/x", "/webhooks/x"), ["https://a/x"]);
        assert_eq!(plain("https://a/x/", "/webhooks/x?b=1&c"), ["https://a/x/?b=1&c"]);
        assert_eq!(plain("https://a/x?b=1", "/webhooks/x?b=2"), ["https://a/x?b=1"]);
        assert_eq!(plain("https://a/x#rc=5", "/webhooks/x"), ["https://a/x"]);
    }

    #[test]
    fn twilio_may_or_may_not_sign_the_port() {
        let twilio = |public: &str| spellings(public, "/", Some(Quirk::Twilio));
        assert_eq!(twilio("https://a/x"), ["https://a/x", "https://a:443/x"]);
        assert_eq!(twilio("https://a:8443/x?y"), ["https://a:8443/x?y", "https://a/x?y"]);
        assert_eq!(twilio("http://[::1]:80/x"), ["http://[::1]:80/x", "http://[::1]/x"]);
        assert_eq!(twilio("http://[::1]/x"), ["http://[::1]/x", "http://[::1]:80/x"]);
        assert_eq!(twilio("nonsense"), ["nonsense"]);
    }

    #[test]
    fn hubspot_decodes_some_characters() {
        let found = spellings("https://a/%7e%2Fb?c=%40%3a%20", "/", Some(Quirk::HubSpotUrl));
        assert_eq!(found, ["https://a/%7e%2Fb?c=%40%3a%20", "https://a/%7e/b?c=@:%20"]);
    }

    #[test]
    fn a_hash_in_the_url_binds_the_body() {
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let url = format!("https://a/x?a=1&bodySHA256={hash}");
        assert_eq!(binds_body(&url, b"{}"), Some(true));
        assert_eq!(binds_body(&url.replace("fa", "FA"), b"{}"), Some(true));
        assert_eq!(binds_body(&url, b"{ }"), Some(false));
        assert_eq!(binds_body("https://a/x?xbodySHA256=00", b"{}"), None);
        assert_eq!(binds_body("https://a/x", b"{}"), None);
    }
}
