//! Whether a request is what it claims: the profiles its headers claim, each checked. Pure.

use std::fmt;

use http::HeaderMap;

use crate::secret::Secret;
use crate::sign::{Scheme, SecretError, Verifier, VerifyError};

/// What became of the check.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Signed under these profiles, all of them good.
    Verified(Vec<Scheme>),
    /// Signed under this profile, and one check failed.
    Refused(Scheme, VerifyError),
    /// No signature that any profile knows.
    Unsigned,
    /// The receiver has no secret to check with.
    Unchecked,
}

impl Verdict {
    /// Whether a receiver should believe the request.
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(schemes) => {
                let names: Vec<&str> = schemes.iter().copied().map(name).collect();
                write!(f, "verified ({})", names.join(", "))
            }
            Self::Refused(scheme, error) => write!(f, "refused ({}): {error}", name(*scheme)),
            Self::Unsigned => f.write_str("refused: no signature header of any known profile"),
            Self::Unchecked => f.write_str("not checked: no secret given"),
        }
    }
}

/// A profile's name, as `config.toml` spells it.
pub fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::XWebhook => "x-webhook",
        Scheme::Standard => "standard",
        Scheme::Body => "body",
        Scheme::XSignature => "x-signature",
    }
}

/// The profiles that the signature headers of a request belong to.
pub fn claimed(headers: &HeaderMap) -> Vec<Scheme> {
    let mut schemes = Vec::new();
    if let Some(signature) = text(headers, "x-webhook-signature") {
        // The two profiles share the header; only one of them names its digest.
        let named = signature.starts_with("sha256=");
        schemes.push(if named { Scheme::XWebhook } else { Scheme::Body });
    }
    if headers.contains_key("webhook-signature") {
        schemes.push(Scheme::Standard);
    }
    if headers.contains_key("x-signature") {
        schemes.push(Scheme::XSignature);
    }
    schemes
}

/// Checks requests with secrets prepared once.
pub struct Judge {
    has_secrets: bool,
    verifiers: Vec<(Scheme, Verifier)>,
}

impl Judge {
    /// A judge who believes what any of `secrets` signed.
    ///
    /// # Errors
    /// When one of them cannot be a secret under `schemes`.
    pub fn new(schemes: &[Scheme], secrets: &[Secret]) -> Result<Self, SecretError> {
        let verifier = |scheme: &Scheme| Ok((*scheme, Verifier::new(*scheme, secrets)?));
        let verifiers = schemes.iter().map(verifier).collect::<Result<_, _>>()?;
        Ok(Self { has_secrets: !secrets.is_empty(), verifiers })
    }

    /// Judges one request by those of this judge's profiles that its headers claim; `now` is the
    /// receiver's clock in Unix seconds. One bad signature condemns it, however many are good.
    pub fn judge(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Verdict {
        let claimed = claimed(headers);
        let verifiers = self.verifiers.iter().filter(|(scheme, _)| claimed.contains(scheme));
        self.check(verifiers, headers, body, now)
    }

    /// Judges one request by every profile of this judge, claimed or not.
    pub fn insist(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Verdict {
        self.check(self.verifiers.iter(), headers, body, now)
    }

    fn check<'a>(
        &self,
        verifiers: impl Iterator<Item = &'a (Scheme, Verifier)>,
        headers: &HeaderMap,
        body: &[u8],
        now: i64,
    ) -> Verdict {
        if !self.has_secrets {
            return Verdict::Unchecked;
        }
        let mut verified = Vec::new();
        for (scheme, verifier) in verifiers {
            match verifier.verify(|name| text(headers, name), body, now) {
                Ok(()) => verified.push(*scheme),
                Err(error) => return Verdict::Refused(*scheme, error),
            }
        }
        if verified.is_empty() { Verdict::Unsigned } else { Verdict::Verified(verified) }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::sign::{Message, Signer};

    const ALL: [Scheme; 4] = [Scheme::XWebhook, Scheme::Standard, Scheme::Body, Scheme::XSignature];
    const NOW: i64 = 1_700_000_000;

    fn signed(schemes: &[Scheme]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-webhook-timestamp", HeaderValue::from(NOW));
        for scheme in schemes {
            let signer = Signer::new(*scheme, &[Secret::new("s")]).unwrap();
            let message = Message { id: "evt_1", timestamp: &NOW.to_string(), body: b"{}" };
            for (name, value) in signer.header_names().iter().zip(signer.sign(&message)) {
                headers.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
            }
        }
        headers
    }

    fn judge(headers: &HeaderMap, body: &[u8]) -> Verdict {
        Judge::new(&ALL, &[Secret::new("other"), Secret::new("s")])
            .unwrap()
            .judge(headers, body, NOW)
    }

    #[test]
    fn every_claimed_profile_is_checked() {
        for scheme in ALL {
            assert_eq!(judge(&signed(&[scheme]), b"{}"), Verdict::Verified(vec![scheme]));
        }
        let both = [Scheme::XWebhook, Scheme::Standard];
        assert_eq!(judge(&signed(&both), b"{}"), Verdict::Verified(both.to_vec()));
    }

    #[test]
    fn one_bad_signature_condemns_the_request() {
        let mut headers = signed(&[Scheme::XWebhook, Scheme::Standard]);
        headers.insert("webhook-signature", HeaderValue::from_static("v1,AAAA"));
        assert_eq!(
            judge(&headers, b"{}"),
            Verdict::Refused(Scheme::Standard, VerifyError::NoMatch)
        );
    }

    #[test]
    fn an_unsigned_request_is_told_from_an_unchecked_one() {
        assert_eq!(judge(&HeaderMap::new(), b"{}"), Verdict::Unsigned);
        let nobody = Judge::new(&ALL, &[]).unwrap();
        assert_eq!(nobody.judge(&signed(&ALL[..1]), b"{}", NOW), Verdict::Unchecked);
    }

    #[test]
    fn a_profile_insisted_on_must_be_there() {
        let insist = Judge::new(&[Scheme::Standard], &[Secret::new("s")]).unwrap();
        let missing = VerifyError::MissingHeader("webhook-id");
        let headers = signed(&[Scheme::XWebhook]);
        assert_eq!(insist.judge(&headers, b"{}", NOW), Verdict::Unsigned);
        assert_eq!(
            insist.insist(&headers, b"{}", NOW),
            Verdict::Refused(Scheme::Standard, missing)
        );
    }

    #[test]
    fn a_tampered_body_is_refused_under_every_profile() {
        for scheme in ALL {
            let refused = Verdict::Refused(scheme, VerifyError::NoMatch);
            assert_eq!(judge(&signed(&[scheme]), b"{} "), refused);
        }
    }
}
