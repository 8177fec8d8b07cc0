//! What has to be read from a server's certificate beyond what the TLS library does.

use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::{rfc4519, rfc5280, rfc5912};
use x509_cert::der::{Decode, Tagged};

/// The hash of a certificate for `tls-server-end-point` channel binding (RFC 5929): the hash
/// function of its signature, but at least SHA-256. `None` if its signature has none, as
/// Ed25519.
pub fn end_point_hash(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(der).ok()?;
    match certificate.signature_algorithm.oid {
        rfc5912::MD_5_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_1_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_256_WITH_RSA_ENCRYPTION
        | rfc5912::ECDSA_WITH_SHA_256 => Some(Sha256::digest(der).to_vec()),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => {
            Some(Sha384::digest(der).to_vec())
        }
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 => {
            Some(Sha512::digest(der).to_vec())
        }
        _ => None,
    }
}

/// Whether `der` is valid at `now`, in seconds since 1970.
pub(super) fn is_current(der: &[u8], now: u64) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| {
        let validity = certificate.tbs_certificate.validity;
        let range = validity.not_before.to_unix_duration().as_secs()
            ..=validity.not_after.to_unix_duration().as_secs();
        range.contains(&now)
    })
}

/// Whether a certificate without any alternative names has `host` as its common name: what
/// PostgreSQL's own instructions for a self-signed certificate make, and libpq accepts.
pub(super) fn common_name_is(der: &[u8], host: &str) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else { return false };
    let subject = &certificate.tbs_certificate;
    let alternative_names = |oid: ObjectIdentifier| oid == rfc5280::ID_CE_SUBJECT_ALT_NAME;
    if subject.extensions.iter().flatten().any(|e| alternative_names(e.extn_id)) {
        return false;
    }
    let attributes = subject.subject.0.iter().flat_map(|relative| relative.0.iter());
    let mut names = attributes.filter(|attribute| attribute.oid == rfc4519::CN).filter_map(|cn| {
        use x509_cert::der::Tag;
        match cn.value.tag() {
            Tag::Utf8String => {
                cn.value.decode_as::<Utf8StringRef<'_>>().ok().map(|n| n.to_string())
            }
            Tag::PrintableString => {
                cn.value.decode_as::<PrintableStringRef<'_>>().ok().map(|n| n.to_string())
            }
            _ => None,
        }
    });
    names.next().is_some_and(|name| matches(&name, host))
}

/// `*.example.com` stands for exactly one label, and never for an address.
fn matches(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((label, rest))) => {
            !is_address
                && !label.is_empty()
                && domain.contains('.')
                && domain.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        for (name, host, expected) in [
            ("db.example.com", "DB.example.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.com", "example.com", false),
            ("*.0.0.1", "127.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("*", "db", false),
        ] {
            assert_eq!(matches(name, host), expected, "{name} {host}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_hash_and_no_name() {
        for der in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"nonsense"] {
            assert_eq!(end_point_hash(der), None);
            assert!(!is_current(der, 0) && !common_name_is(der, "db"));
        }
    }

    #[test]
    fn the_hash_follows_the_signature() {
        for (algorithm, length) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Some(32)),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Some(48)),
            (&rcgen::PKCS_ED25519, None),
        ] {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let parameters = rcgen::CertificateParams::new(vec!["db".to_owned()]).unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            assert_eq!(end_point_hash(certificate.der()).map(|hash| hash.len()), length);
        }
    }
}
