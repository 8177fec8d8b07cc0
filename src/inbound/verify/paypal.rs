//! PayPal: RSA over the transmission's id and time, our webhook's id and the CRC32 of the body.
//!
//! The CRC binds the body only as far as a checksum can, which is PayPal's choice and not ours:
//! that is why events are looked up at PayPal before money moves on their word.

use super::arrival::Arrival;
use super::certificate::{Pinned, RsaHash, allowed_url};
use super::timestamp;
use super::{Outcome, Proven};
use crate::inbound::encoding::from_base64;
use crate::inbound::locate::Found;
use crate::inbound::verdict::{Reason, Rejection};

const HOSTS: [&str; 4] =
    ["api.paypal.com", "api.sandbox.paypal.com", "api-m.paypal.com", "api-m.sandbox.paypal.com"];
const CERTIFICATES: &str = "/v1/notifications/certs/";
const LONGEST_SIGNATURE: usize = 8 * 1024;

/// Proves a request, or says which certificate that takes.
pub(super) fn prove<'v>(
    webhook_id: &str,
    pinned: &Pinned,
    fetched: Option<&[u8]>,
    arrival: &Arrival<'_>,
) -> Result<Outcome<'v>, Rejection> {
    let signature = header(arrival, "paypal-transmission-sig", Reason::MissingSignature)?;
    if signature.len() > LONGEST_SIGNATURE {
        let what = "header paypal-transmission-sig is too long";
        return Err(Rejection::because(Reason::HeaderTooLarge, what));
    }
    let time = header(arrival, "paypal-transmission-time", Reason::MissingTimestamp)?;
    let id = header(arrival, "paypal-transmission-id", Reason::MissingField)?;
    let algorithm = header(arrival, "paypal-auth-algo", Reason::MissingField)?;
    let cert_url = header(arrival, "paypal-cert-url", Reason::MissingField)?;
    let time_ms = timestamp::date(time).ok_or_else(|| {
        let what = "header paypal-transmission-time is not a time as RFC 3339 writes it";
        Rejection::because(Reason::MalformedTimestamp, what)
    })?;
    let skew = time_ms.div_euclid(1_000).saturating_sub(arrival.now_ms.div_euclid(1_000));
    let check = || {
        // It is not signed: whoever could choose it would choose one that he can forge.
        if !algorithm.eq_ignore_ascii_case(b"SHA256withRSA") {
            let what = "header paypal-auth-algo is not SHA256withRSA";
            return Err(Rejection::because(Reason::MalformedSignature, what));
        }
        let url = certificate_url(cert_url).ok_or_else(|| {
            let what = "header paypal-cert-url does not lead to PayPal's certificates";
            Rejection::because(Reason::BadCertUrl, what)
        })?;
        let decoded = from_base64(signature).ok_or_else(|| {
            let what = "the signature is not padded base64";
            Rejection::because(Reason::MalformedSignature, what)
        })?;
        let Some(key) = pinned.key(fetched, "paypal.com", arrival.now_ms)? else {
            return Ok(Outcome::NeedsCertificate(url));
        };
        let crc = crc32fast::hash(&arrival.request.body).to_string();
        let message = [id, time, webhook_id.as_bytes(), crc.as_bytes()].join(&b'|');
        if !key.verifies(RsaHash::Sha256, &message, &decoded) {
            return Err(Rejection::of(Reason::BadSignature));
        }
        Ok(Outcome::Proven(Proven { skew_seconds: Some(skew), ..Proven::default() }))
    };
    check().map_err(|rejection: Rejection| rejection.with_skew(Some(skew)))
}

fn certificate_url(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (host, path) = (
        |host: &str| HOSTS.contains(&host),
        |path: &str| path.strip_prefix(CERTIFICATES).is_some_and(|name| !name.is_empty()),
    );
    allowed_url(text, host, path)
}

fn header<'a>(
    arrival: &Arrival<'a>,
    name: &'static str,
    missing: Reason,
) -> Result<&'a [u8], Rejection> {
    let place = crate::config::inbound::Place::Header(http::HeaderName::from_static(name));
    match arrival.headers().find(&place) {
        Found::Text(_) => {
            let value = arrival.request.headers.get(name);
            Ok(value.map(http::HeaderValue::as_bytes).unwrap_or_default())
        }
        Found::Several => {
            let what = format!("header {name} stands more than once");
            Err(Rejection::because(Reason::MalformedSignature, what))
        }
        _ => Err(Rejection::because(missing, format!("no header {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_come_from_paypals_hosts_only() {
        let good = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1";
        assert_eq!(certificate_url(good.as_bytes()).as_deref(), Some(good));
        for bad in [
            "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
            "https://www.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://api.paypal.com/v1/notifications/certs/../../../redirect",
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
        ] {
            assert_eq!(certificate_url(bad.as_bytes()), None, "{bad}");
        }
    }
}
