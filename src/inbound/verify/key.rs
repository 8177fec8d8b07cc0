//! Keys, prepared once, and whether one of a request's signatures is theirs.
//!
//! A key carries its algorithm, and nothing in a request can change that: a public key's bytes,
//! which anybody may know, are never used as those of an HMAC.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey};
use subtle::{Choice, ConstantTimeEq};

use super::content::Content;
use crate::config::inbound::{Hash, Key, KeyBytes, Material};
use crate::inbound::encoding::{hex, sha256};

/// A key, ready for use.
pub(super) struct PreparedKey {
    version: Option<String>,
    kind: Kind,
}

enum Kind {
    Hmac(Box<hmac::Key>),
    Ed25519(ParsedPublicKey),
    EcdsaP256(ParsedPublicKey),
    /// Of a token or of user and password: what has the same length for all.
    Hashed(Digest),
    /// Bytes that are no key of their kind; nothing matches it.
    Unusable,
}

impl Kind {
    fn hmac(algorithm: hmac::Algorithm, bytes: &KeyBytes) -> Self {
        Self::Hmac(Box::new(hmac::Key::new(algorithm, &bytes.0)))
    }
}

impl PreparedKey {
    pub(super) fn new(key: &Key) -> Self {
        let kind = match &key.material {
            Material::Hmac(hash, bytes) => Kind::hmac(algorithm(*hash), bytes),
            Material::Ed25519(bytes) => {
                ParsedPublicKey::new(&ED25519, &bytes.0).map_or(Kind::Unusable, Kind::Ed25519)
            }
            Material::EcdsaP256(bytes) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &bytes.0)
                .map_or(Kind::Unusable, Kind::EcdsaP256),
            Material::Token(bytes) | Material::Basic(bytes) => Kind::Hashed(sha256(&bytes.0)),
        };
        Self { version: key.version.clone(), kind }
    }

    /// A key of HMAC-SHA256 for all versions.
    pub(super) fn hmac_sha256(bytes: &KeyBytes) -> Self {
        Self { version: None, kind: Kind::hmac(hmac::HMAC_SHA256, bytes) }
    }

    /// Whether it is for signatures of `version`.
    pub(super) fn is_for(&self, version: Option<&str>) -> bool {
        self.version.is_none() || self.version.as_deref() == version
    }

    /// Whether one of `candidates` is this key's signature of `content`.
    pub(super) fn matches<'c>(
        &self,
        content: &Content<'_>,
        url: &str,
        candidates: impl Iterator<Item = &'c [u8]>,
    ) -> bool {
        let equals = |expected: &[u8], candidates: &mut dyn Iterator<Item = &'c [u8]>| {
            let none = Choice::from(0);
            candidates.fold(none, |matched, candidate| matched | expected.ct_eq(candidate))
        };
        let mut candidates = candidates;
        match &self.kind {
            Kind::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                content.feed(url, |bytes| context.update(bytes));
                equals(context.sign().as_ref(), &mut candidates).into()
            }
            Kind::Hashed(expected) => candidates
                .fold(Choice::from(0), |matched, candidate| {
                    matched | expected.as_ref().ct_eq(sha256(candidate).as_ref())
                })
                .into(),
            Kind::EcdsaP256(key) => {
                let mut context = digest::Context::new(&digest::SHA256);
                content.feed(url, |bytes| context.update(bytes));
                let digest = context.finish();
                candidates.any(|candidate| key.verify_digest_sig(&digest, candidate).is_ok())
            }
            Kind::Ed25519(key) => {
                // It goes over the message twice, so there must be one.
                let message = content.joined(url);
                candidates.any(|candidate| key.verify_sig(&message, candidate).is_ok())
            }
            Kind::Unusable => false,
        }
    }

    /// The HMAC of `text` in hex, where it is a key for HMACs.
    pub(super) fn hmac_hex(&self, text: &str) -> Option<String> {
        match &self.kind {
            Kind::Hmac(key) => Some(hex(hmac::sign(key, text.as_bytes()).as_ref())),
            _ => None,
        }
    }
}

fn algorithm(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha512 => hmac::HMAC_SHA512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_key_match_nothing() {
        let content = Content::from(&b"x"[..]);
        for material in [
            Material::Ed25519(KeyBytes(vec![1; 31])),
            Material::EcdsaP256(KeyBytes(vec![4; 65])),
            Material::EcdsaP256(KeyBytes(Vec::new())),
        ] {
            let key = PreparedKey::new(&Key { version: None, material });
            for signature in [&b""[..], &[0; 64], &[0x30, 6, 2, 1, 0, 2, 1, 0]] {
                assert!(!key.matches(&content, "", std::iter::once(signature)));
            }
        }
    }

    #[test]
    fn a_key_is_for_its_own_version_only() {
        let of = |version: Option<&str>| {
            let material = Material::Token(KeyBytes(b"t".to_vec()));
            PreparedKey::new(&Key { version: version.map(str::to_owned), material })
        };
        assert!(of(Some("v1")).is_for(Some("v1")) && of(None).is_for(Some("v1")));
        assert!(!of(Some("v1")).is_for(Some("v1a")) && !of(Some("v1")).is_for(None));
    }
}
