//! RSA keys out of certificates, and where a certificate may come from.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::{rfc4519, rfc5912};

use crate::inbound::verdict::{Reason, Rejection};

/// A public key on RSA.
pub(super) struct RsaKey(Vec<u8>);

/// Hash of an RSA signature.
#[derive(Clone, Copy, Debug)]
pub(super) enum RsaHash {
    Sha1,
    Sha256,
}

/// The certificate of the configuration.
pub(super) enum Pinned {
    /// None: the request names one.
    No,
    /// Whoever wrote it down vouches for it: nothing of it counts but the key.
    Key(RsaKey),
    /// It cannot be read, so nothing can be proven.
    Unreadable,
}

impl Pinned {
    pub(super) fn read(pem: Option<&str>) -> Self {
        match pem.map(|pem| der(pem.as_bytes()).as_deref().and_then(rsa_key)) {
            None => Self::No,
            Some(Some(key)) => Self::Key(key),
            Some(None) => Self::Unreadable,
        }
    }

    /// The key to check a request with, from the certificate of the configuration or, if there is
    /// none, from the fetched one; `None` if it has yet to be fetched.
    ///
    /// A fetched certificate is trusted because its host's own certificate was checked when it was
    /// fetched; it must be valid at `now_ms` and bear a name that ends in `domain`.
    pub(super) fn key(
        &self,
        fetched: Option<&[u8]>,
        domain: &str,
        now_ms: i64,
    ) -> Result<Option<RsaKey>, Rejection> {
        let refused = |what: &str| Rejection::because(Reason::BadCertUrl, what);
        match (self, fetched) {
            (Self::Key(key), _) => Ok(Some(RsaKey(key.0.clone()))),
            (Self::Unreadable, _) => Err(refused("cert_pem is no certificate with an RSA key")),
            (Self::No, None) => Ok(None),
            (Self::No, Some(bytes)) => {
                let der =
                    der(bytes).ok_or_else(|| refused("what was fetched is no certificate"))?;
                check_fetched(&der, domain, now_ms).map_err(refused)?;
                let key = rsa_key(&der);
                key.map(Some).ok_or_else(|| refused("the certificate has no RSA key"))
            }
        }
    }
}

impl RsaKey {
    /// Whether `signature` (PKCS#1 v1.5) is this key's of `message`.
    pub(super) fn verifies(&self, hash: RsaHash, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match hash {
            RsaHash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            RsaHash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(algorithm, &self.0).verify(message, signature).is_ok()
    }
}

/// The URL in its one spelling if it is `https`, at a host that `host` approves of, and has
/// nothing but a path that `path` approves of: what is fetched is what was checked.
pub(super) fn allowed_url(
    text: &str,
    host: impl Fn(&str) -> bool,
    path: impl Fn(&str) -> bool,
) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none()
        && url.fragment().is_none();
    (plain && host(url.host_str()?) && path(url.path())).then(|| url.into())
}

/// The bytes of a certificate: the first of a PEM text, or DER as it is.
fn der(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.first() == Some(&0x30) {
        return Some(bytes.to_vec());
    }
    CertificateDer::from_pem_slice(bytes).ok().map(|der| der.to_vec())
}

fn rsa_key(der: &[u8]) -> Option<RsaKey> {
    let certificate = Certificate::from_der(der).ok()?;
    let key = certificate.tbs_certificate.subject_public_key_info;
    let is_rsa = key.algorithm.oid == rfc5912::RSA_ENCRYPTION;
    key.subject_public_key.as_bytes().filter(|_| is_rsa).map(|bytes| RsaKey(bytes.to_vec()))
}

fn check_fetched(der: &[u8], domain: &str, now_ms: i64) -> Result<(), &'static str> {
    let certificate =
        Certificate::from_der(der).map_err(|_| "what was fetched is no certificate")?;
    let validity = certificate.tbs_certificate.validity;
    let now = u64::try_from(now_ms / 1_000).unwrap_or_default();
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err("the certificate is not valid yet");
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err("the certificate has expired");
    }
    let attributes = certificate.tbs_certificate.subject.0.iter().flat_map(|name| name.0.iter());
    let mut common_names = attributes.filter(|attribute| attribute.oid == rfc4519::CN);
    let is_of_domain = |name: &[u8]| {
        let name = name.to_ascii_lowercase();
        name.strip_suffix(domain.as_bytes()).is_some_and(|rest| rest.ends_with(b"."))
    };
    if common_names.any(|name| is_of_domain(name.value.value())) {
        return Ok(());
    }
    Err("the certificate is somebody else's")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE_DAY: i64 = 1_780_000_000_000;

    fn certificate(name: &str, from: i32, to: i32) -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        parameters.self_signed(&key).unwrap().pem()
    }

    fn fetched(pem: &str) -> String {
        let key = Pinned::No.key(Some(pem.as_bytes()), "paypal.com", CERTIFICATE_DAY);
        key.err().and_then(|rejection| rejection.detail).unwrap_or_default()
    }

    #[test]
    fn a_fetched_certificate_must_be_valid_now_and_the_providers() {
        let name = "messageverificationcerts.paypal.com";
        // Its name and dates pass; only its key is of another kind.
        let no_rsa = "the certificate has no RSA key";
        assert_eq!(fetched(&certificate(name, 2020, 2030)), no_rsa);
        assert_eq!(fetched(&certificate("Paypal.PAYPAL.com", 2020, 2030)), no_rsa);
        assert_eq!(fetched(&certificate(name, 2027, 2030)), "the certificate is not valid yet");
        assert_eq!(fetched(&certificate(name, 2020, 2025)), "the certificate has expired");
        for name in ["evil.example", "evilpaypal.com", "paypal.com.evil.example", "paypal.com"] {
            let of_another = "the certificate is somebody else's";
            assert_eq!(fetched(&certificate(name, 2020, 2030)), of_another, "{name}");
        }
        for bytes in ["", "0", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(fetched(bytes), "what was fetched is no certificate", "{bytes}");
        }
    }

    #[test]
    fn a_configured_certificate_without_an_rsa_key_proves_nothing() {
        for pem in [certificate("x.paypal.com", 2020, 2030), "hello".to_owned()] {
            let refused = Pinned::read(Some(&pem)).key(None, "paypal.com", CERTIFICATE_DAY);
            assert_eq!(refused.err().unwrap().reason, Reason::BadCertUrl);
        }
    }

    #[test]
    fn a_certificate_comes_from_the_exact_host_over_https_only() {
        let allowed = |text: &str| allowed_url(text, |host| host == "a.b", |path| path == "/c");
        assert_eq!(allowed("https://a.b/c").as_deref(), Some("https://a.b/c"));
        assert_eq!(allowed("HTTPS://A.B:443/d/../c").as_deref(), Some("https://a.b/c"));
        for bad in [
            "http://a.b/c",
            "https://a.b:8443/c",
            "https://x@a.b/c",
            "https://a.b@evil/c",
            "https://a.b.evil/c",
            "https://evil/a.b/c",
            "https://a.b\\@evil/c",
            "https://a.b/c#x",
            "https://a.b./c",
            "//a.b/c",
            "file:///c",
            "",
        ] {
            assert_eq!(allowed(bad), None, "{bad}");
        }
    }
}
