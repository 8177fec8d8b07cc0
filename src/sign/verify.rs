//! The receiver's side: is this request signed by one of my secrets, and is it fresh?

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq};

use super::{Key, Message, PREFIX, Scheme, SecretError, decode, key, mac, prepare};
use crate::secret::Secret;

/// How far a timestamp may lie from the receiver's clock, either way; exactly so far is accepted.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Which check a request failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header that the scheme needs is absent or empty.
    #[error("no {0} header")]
    MissingHeader(&'static str),
    /// The timestamp is no number of seconds.
    #[error("the timestamp in {0} is not digits")]
    TimestampNotDigits(&'static str),
    /// Signed too long ago, or the clocks differ.
    #[error("the timestamp is {skew_seconds} s old (at most {TOLERANCE_SECONDS} s are accepted)")]
    TooOld {
        /// Receiver's clock less timestamp.
        skew_seconds: i64,
    },
    /// Signed by a clock that is ahead.
    #[error(
        "the timestamp is {skew_seconds} s in the future (at most {TOLERANCE_SECONDS} s are accepted)"
    )]
    InFuture {
        /// Timestamp less receiver's clock.
        skew_seconds: i64,
    },
    /// None of the signatures is of a version that the scheme knows.
    #[error("{header} holds no signature of the form {expected}")]
    UnknownVersion {
        /// Where signatures were looked for.
        header: &'static str,
        /// Their form.
        expected: &'static str,
    },
    /// Signatures of the right form, but other bytes or another secret were signed.
    #[error("no signature matches: another secret, or the body is not the bytes that were sent")]
    NoMatch,
}

/// Verifies requests under one scheme with keys prepared once per secret.
pub struct Verifier {
    scheme: Scheme,
    keys: Vec<Key>,
}

impl Verifier {
    /// Prepares `secrets`; a request passes if any of them signed it.
    ///
    /// # Errors
    /// When one of them cannot sign under `scheme`.
    pub fn new(scheme: Scheme, secrets: &[Secret]) -> Result<Self, SecretError> {
        let mut keys = Vec::with_capacity(secrets.len());
        for secret in secrets {
            keys.push(key(scheme, secret)?);
            // Other senders of Standard Webhooks decode a secret that has lost its prefix.
            let bare = Some(secret.expose()).filter(|text| !text.starts_with(PREFIX));
            if let (Scheme::Standard, Some(Ok(decoded))) = (scheme, bare.map(decode)) {
                keys.push(prepare(&decoded));
            }
        }
        Ok(Self { scheme, keys })
    }

    /// Checks one request. `header` finds a value by name, whatever its capitals; `now` is the
    /// receiver's clock in Unix seconds.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now: i64,
    ) -> Result<(), VerifyError> {
        let present = |name| header(name).filter(|value| !value.is_empty());
        let needed = |name| present(name).ok_or(VerifyError::MissingHeader(name));
        let (id, timestamp, name) = match self.scheme {
            Scheme::XWebhook => {
                ("", Some(("X-Webhook-Timestamp", needed("X-Webhook-Timestamp")?)), X_WEBHOOK)
            }
            Scheme::Standard => (
                needed("webhook-id")?,
                Some(("webhook-timestamp", needed("webhook-timestamp")?)),
                "webhook-signature",
            ),
            Scheme::Body => ("", None, X_WEBHOOK),
            Scheme::XSignature => ("", None, "X-Signature"),
        };
        let signatures = needed(name)?;
        if let Some((name, text)) = timestamp {
            check_timestamp(name, text, now)?;
        }
        let mut candidates = self.candidates(name, signatures)?;
        if let (Scheme::XWebhook, Some(previous)) = (self.scheme, present(X_WEBHOOK_PREVIOUS)) {
            candidates.extend(unhex_prefixed(previous));
        }
        let message = Message { id, timestamp: timestamp.map_or("", |(_, text)| text), body };
        self.any_matches(&candidates, &message)
    }

    /// The signatures of known form in a header's value.
    fn candidates(&self, name: &'static str, value: &str) -> Result<Vec<Vec<u8>>, VerifyError> {
        let (expected, found) = match self.scheme {
            Scheme::XWebhook | Scheme::XSignature => {
                ("sha256=<hex>", Vec::from_iter(unhex_prefixed(value)))
            }
            Scheme::Body => ("<hex>", Vec::from_iter(unhex(value))),
            Scheme::Standard => {
                let ours = value.split(' ').filter_map(|one| one.strip_prefix("v1,"));
                // What is no base64 cannot match, but its version is known.
                ("v1,<base64>", ours.map(|one| STANDARD.decode(one).unwrap_or_default()).collect())
            }
        };
        if found.is_empty() {
            return Err(VerifyError::UnknownVersion { header: name, expected });
        }
        Ok(found)
    }

    /// Compares every key with every candidate in constant time, without stopping at a match.
    fn any_matches(
        &self,
        candidates: &[Vec<u8>],
        message: &Message<'_>,
    ) -> Result<(), VerifyError> {
        let mut matched = Choice::from(0);
        for key in &self.keys {
            let expected = mac(self.scheme, key, message);
            for candidate in candidates {
                matched |= expected.ct_eq(candidate);
            }
        }
        if bool::from(matched) { Ok(()) } else { Err(VerifyError::NoMatch) }
    }
}

const X_WEBHOOK: &str = "X-Webhook-Signature";
const X_WEBHOOK_PREVIOUS: &str = "X-Webhook-Signature-Previous";

fn check_timestamp(name: &'static str, text: &str, now: i64) -> Result<(), VerifyError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let timestamp: i64 = Some(text)
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or(VerifyError::TimestampNotDigits(name))?;
    let age = now.saturating_sub(timestamp);
    if age > TOLERANCE_SECONDS {
        Err(VerifyError::TooOld { skew_seconds: age })
    } else if age < -TOLERANCE_SECONDS {
        Err(VerifyError::InFuture { skew_seconds: age.saturating_neg() })
    } else {
        Ok(())
    }
}

fn unhex_prefixed(text: &str) -> Option<Vec<u8>> {
    unhex(text.strip_prefix("sha256=")?)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Signer;
    use super::*;

    const NOW: i64 = 1_614_265_330;
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const VALID: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    /// The first standard vector, with some of its headers replaced.
    fn standard(secret: &str, changes: &[(&str, &str)], now: i64) -> Result<(), VerifyError> {
        let mut headers = vec![
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", VALID),
        ];
        for (name, value) in changes {
            headers.retain(|(other, _)| other != name);
            headers.push((name, value));
        }
        check(Scheme::Standard, secret, &headers, now)
    }

    fn check(
        scheme: Scheme,
        secret: &str,
        headers: &[(&str, &str)],
        now: i64,
    ) -> Result<(), VerifyError> {
        let find = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        Verifier::new(scheme, &[Secret::new(secret)]).unwrap().verify(find, BODY, now)
    }

    #[test]
    fn the_vector_verifies_with_and_without_the_prefix_of_its_secret() {
        assert_eq!(standard(SECRET, &[], NOW), Ok(()));
        assert_eq!(standard(&SECRET[PREFIX.len()..], &[], NOW), Ok(()));
        assert_eq!(standard("whsec_b3RoZXI=", &[], NOW), Err(VerifyError::NoMatch));
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let missing = Err(VerifyError::MissingHeader(name));
            assert_eq!(standard(SECRET, &[(name, "")], NOW), missing);
        }
        let missing = Err(VerifyError::MissingHeader("X-Webhook-Timestamp"));
        assert_eq!(check(Scheme::XWebhook, "s", &[("X-Webhook-Signature", "x")], NOW), missing);
        let missing = Err(VerifyError::MissingHeader("X-Signature"));
        assert_eq!(check(Scheme::XSignature, "s", &[], NOW), missing);
    }

    #[test]
    fn a_timestamp_must_be_digits() {
        for text in ["hello", "-1", "+1614265330", "1614265330.5", "99999999999999999999"] {
            let refused = Err(VerifyError::TimestampNotDigits("webhook-timestamp"));
            assert_eq!(standard(SECRET, &[("webhook-timestamp", text)], NOW), refused, "{text}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_accepted_and_a_second_more_is_not() {
        assert_eq!(standard(SECRET, &[], NOW + 300), Ok(()));
        assert_eq!(standard(SECRET, &[], NOW - 300), Ok(()));
        let old = Err(VerifyError::TooOld { skew_seconds: 301 });
        assert_eq!(standard(SECRET, &[], NOW + 301), old);
        let future = Err(VerifyError::InFuture { skew_seconds: 301 });
        assert_eq!(standard(SECRET, &[], NOW - 301), future);
    }

    #[test]
    fn any_of_several_signatures_may_match() {
        let with = |value: &str| standard(SECRET, &[("webhook-signature", value)], NOW);
        assert_eq!(with(&format!("v1,AAAA v1a,xyz {VALID}")), Ok(()));
        assert_eq!(with(&format!("v2,AAAA  {VALID}")), Ok(()));
        assert_eq!(with("v1,AAAA v1,BBBB"), Err(VerifyError::NoMatch));
    }

    #[test]
    fn an_empty_or_unknown_signature_is_refused() {
        let with = |value: &str| standard(SECRET, &[("webhook-signature", value)], NOW);
        assert_eq!(with("v1,"), Err(VerifyError::NoMatch));
        let unknown = Err(VerifyError::UnknownVersion {
            header: "webhook-signature",
            expected: "v1,<base64>",
        });
        assert_eq!(with(&VALID.replace("v1,", "v2,")), unknown);
        assert_eq!(with("garbage"), unknown);
        for value in ["sha512=00", "00", "sha256=0", "sha256=zz"] {
            let refused = check(Scheme::XSignature, "s", &[("X-Signature", value)], NOW);
            assert!(matches!(refused, Err(VerifyError::UnknownVersion { .. })), "{value}");
        }
        let short = check(Scheme::XSignature, "s", &[("X-Signature", "sha256=00")], NOW);
        assert_eq!(short, Err(VerifyError::NoMatch));
    }

    #[test]
    fn every_scheme_verifies_what_it_signs() {
        for scheme in [Scheme::XWebhook, Scheme::Standard, Scheme::Body, Scheme::XSignature] {
            let signer = Signer::new(scheme, &[Secret::new("new"), Secret::new("old")]).unwrap();
            let values = signer.sign(&Message { id: "evt_1", timestamp: "1614265330", body: BODY });
            let mut headers = vec![("X-Webhook-Timestamp", "1614265330")];
            headers.extend(
                signer.header_names().iter().copied().zip(values.iter().map(String::as_str)),
            );
            assert_eq!(check(scheme, "new", &headers, NOW), Ok(()), "{scheme:?}");
            let old = check(scheme, "old", &headers, NOW);
            let carries_both = matches!(scheme, Scheme::XWebhook | Scheme::Standard);
            assert_eq!(old.is_ok(), carries_both, "{scheme:?}");
        }
    }
}
