//! Keys of sources: from the text that a provider shows to the bytes that check a signature.
//!
//! A key is decoded where it is read, so that a wrong paste is a fault at the start and not a
//! rejection of every request.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::{rfc5912, rfc8410};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::scheme::{Encoding, Hash, KeyBytes, Material};

const SYMMETRIC_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";
const PRIVATE_PREFIX: &str = "whsk_";
const ED25519_BYTES: usize = 32;
/// 4, x and y.
const P256_POINT_BYTES: usize = 65;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hmac(Hash),
    Ed25519,
    EcdsaP256,
    Token,
    Basic,
}

impl Algorithm {
    /// How its keys may be written, the usual way first.
    pub(super) fn forms(self) -> &'static [Form] {
        match self {
            Self::Hmac(_) => &[Form::Utf8, Form::Hex, Form::Base64, Form::Whsec],
            Self::Ed25519 => &[Form::Hex, Form::Base64, Form::Whpk, Form::Spki],
            Self::EcdsaP256 => &[Form::Spki],
            Self::Token | Self::Basic => &[Form::Utf8],
        }
    }

    /// How its signatures may be written.
    pub(super) fn encodings(self) -> &'static [Encoding] {
        match self {
            Self::Hmac(_) | Self::Ed25519 => &[Encoding::Hex, Encoding::Base64],
            Self::EcdsaP256 | Self::Basic => &[Encoding::Base64],
            Self::Token => &[Encoding::Text],
        }
    }

    /// Whether it signs something, and is not just shown.
    pub(super) fn signs(self) -> bool {
        !matches!(self, Self::Token | Self::Basic)
    }
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The text itself.
    Utf8,
    Hex,
    Base64,
    /// Base64 after `whsec_`, which may be missing.
    Whsec,
    /// Base64 after `whpk_`.
    Whpk,
    /// Base64 of a SubjectPublicKeyInfo, with or without PEM's armour.
    Spki,
}

/// Why a text is no key. It never holds the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret is empty but for its prefix")]
    OnlyPrefix,
    #[error("the secret begins with a version, which is no part of it")]
    Version,
    #[error("the secret is a private key; requests are checked with the public one")]
    Private,
    #[error("the secret is not hex, which this scheme needs")]
    NotHex,
    #[error("the secret is not base64, which this scheme needs")]
    NotBase64,
    #[error("the secret is not base64 after whsec_, which this scheme needs")]
    NotWhsec,
    #[error("the key is not base64 after whpk_, which this scheme needs")]
    NotWhpk,
    #[error(
        "the key is not a public key in base64 (SubjectPublicKeyInfo), which this scheme needs"
    )]
    NotSpki,
    #[error("the key is of another kind than this scheme's: {0} is needed")]
    OtherKind(&'static str),
    #[error("a public key of {0} bytes where {ED25519_BYTES} are needed")]
    Length(usize),
    #[error("the secret has no colon; Basic auth needs user:password")]
    NoColon,
}

impl KeyError {
    /// What to do about it.
    pub(super) fn fix(&self) -> &'static str {
        match self {
            Self::Empty => "give it a value",
            Self::OnlyPrefix => "copy the whole secret, with what follows the prefix",
            Self::Version => "leave out what stands before whsec_",
            Self::Private => "take the key that begins with whpk_",
            Self::NotHex => "copy it as the provider shows it: hexadecimal digits, two for a byte",
            Self::NotBase64 => "copy it as the provider shows it: A-Z, a-z, 0-9, + and /",
            Self::NotWhsec => "copy it as the provider shows it, as in whsec_MfKQ9r8GKYqrTwjUPD8I…",
            Self::NotWhpk => "copy it as the provider shows it, as in whpk_11qYAYKxCrfVS/7TyWQH…",
            Self::NotSpki | Self::OtherKind(_) => {
                "copy the verification key as the provider shows it, as in MFkwEwYHKoZIzj0CAQYI…"
            }
            Self::Length(_) => "copy the whole public key as the provider shows it",
            Self::NoColon => "write it as \"${NAME}\" with NAME set to user:password",
        }
    }
}

/// The key that `text` holds in `form`, for `algorithm`.
pub(super) fn material(text: &str, algorithm: Algorithm, form: Form) -> Result<Material, KeyError> {
    let bytes = decode(text, form)?;
    if bytes.is_empty() {
        return Err(KeyError::Empty);
    }
    Ok(match algorithm {
        Algorithm::Hmac(hash) => Material::Hmac(hash, KeyBytes(bytes)),
        Algorithm::Token => Material::Token(KeyBytes(bytes)),
        Algorithm::Basic if bytes.contains(&b':') => Material::Basic(KeyBytes(bytes)),
        Algorithm::Basic => return Err(KeyError::NoColon),
        Algorithm::EcdsaP256 => Material::EcdsaP256(KeyBytes(p256_point(&bytes)?)),
        Algorithm::Ed25519 => {
            let key = if form == Form::Spki { ed25519_key(&bytes)? } else { bytes };
            match key.len() {
                ED25519_BYTES => Material::Ed25519(KeyBytes(key)),
                length => return Err(KeyError::Length(length)),
            }
        }
    })
}

/// Whether `text` says of itself that it is a public key of Standard Webhooks.
pub(super) fn is_whpk(text: &str) -> bool {
    text.starts_with(PUBLIC_PREFIX)
}

/// The bytes of a key in `form`, around which line ends do not count.
pub(super) fn decode(text: &str, form: Form) -> Result<Vec<u8>, KeyError> {
    let text = text.trim_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if [SYMMETRIC_PREFIX, PUBLIC_PREFIX].contains(&text.trim_end_matches('=')) {
        return Err(KeyError::OnlyPrefix);
    }
    // Seen in the wild: the prefix of a signature header, pasted with the secret.
    if text.split_once(',').is_some_and(|(_, rest)| rest.starts_with(SYMMETRIC_PREFIX)) {
        return Err(KeyError::Version);
    }
    if text.starts_with(PRIVATE_PREFIX) && form != Form::Utf8 {
        return Err(KeyError::Private);
    }
    match form {
        Form::Utf8 => Ok(text.as_bytes().to_vec()),
        Form::Hex => hex(text).ok_or(KeyError::NotHex),
        Form::Base64 => base64(text).ok_or(KeyError::NotBase64),
        Form::Whsec => {
            base64(text.strip_prefix(SYMMETRIC_PREFIX).unwrap_or(text)).ok_or(KeyError::NotWhsec)
        }
        Form::Whpk => text.strip_prefix(PUBLIC_PREFIX).and_then(base64).ok_or(KeyError::NotWhpk),
        Form::Spki => spki(text).ok_or(KeyError::NotSpki),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect())?
}

/// Padding is optional: both forms are in circulation.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    ANY_PADDING.decode(text).ok()
}

fn spki(text: &str) -> Option<Vec<u8>> {
    match text.contains("-----BEGIN") {
        true => SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
            .ok()
            .map(|der| der.as_ref().to_vec()),
        false => {
            // A long key may have been wrapped.
            let joined: String = text.split_ascii_whitespace().collect();
            base64(&joined)
        }
    }
}

fn p256_point(der: &[u8]) -> Result<Vec<u8>, KeyError> {
    const NEEDED: KeyError = KeyError::OtherKind("an ECDSA key on the curve P-256");
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::NotSpki)?;
    let curve = info.algorithm.parameters_oid().ok();
    let point = key_bits(&info, rfc5912::ID_EC_PUBLIC_KEY).ok_or(NEEDED)?;
    match curve == Some(rfc5912::SECP_256_R_1)
        && point.len() == P256_POINT_BYTES
        && point.first() == Some(&4)
    {
        true => Ok(point),
        false => Err(NEEDED),
    }
}

fn ed25519_key(der: &[u8]) -> Result<Vec<u8>, KeyError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::NotSpki)?;
    key_bits(&info, rfc8410::ID_ED_25519).ok_or(KeyError::OtherKind("an Ed25519 key"))
}

fn key_bits(info: &SubjectPublicKeyInfoRef<'_>, algorithm: ObjectIdentifier) -> Option<Vec<u8>> {
    let bits = info.subject_public_key.as_bytes().filter(|_| info.algorithm.oid == algorithm);
    bits.map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDGRID: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    const HMAC: Algorithm = Algorithm::Hmac(Hash::Sha256);

    fn hmac_key(text: &str, form: Form) -> Result<Vec<u8>, KeyError> {
        material(text, HMAC, form).map(|material| match material {
            Material::Hmac(Hash::Sha256, KeyBytes(bytes)) => bytes,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn keys_are_decoded_as_their_form_says() {
        for (text, form, wanted) in [
            ("whsec_x", Form::Utf8, &b"whsec_x"[..]),
            ("key\r\n", Form::Utf8, b"key"),
            ("00fF", Form::Hex, &[0, 255]),
            ("AP8=", Form::Base64, &[0, 255]),
            ("AP8", Form::Base64, &[0, 255]),
            ("whsec_AP8=", Form::Whsec, &[0, 255]),
            ("AP8=", Form::Whsec, &[0, 255]),
        ] {
            assert_eq!(hmac_key(text, form).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_of_its_form_is_refused() {
        for (text, form, wanted) in [
            ("", Form::Utf8, KeyError::Empty),
            ("\n", Form::Utf8, KeyError::Empty),
            ("whsec_", Form::Utf8, KeyError::OnlyPrefix),
            ("whsec_==", Form::Whsec, KeyError::OnlyPrefix),
            ("whpk_", Form::Whpk, KeyError::OnlyPrefix),
            ("v1,whsec_AP8=", Form::Whsec, KeyError::Version),
            ("v1,whsec_AP8=", Form::Utf8, KeyError::Version),
            ("whsk_AP8=", Form::Whpk, KeyError::Private),
            ("0f1", Form::Hex, KeyError::NotHex),
            ("0x", Form::Hex, KeyError::NotHex),
            ("AP8-", Form::Base64, KeyError::NotBase64),
            ("secret_123", Form::Whsec, KeyError::NotWhsec),
            ("AP8=", Form::Whpk, KeyError::NotWhpk),
            ("secret key", Form::Spki, KeyError::NotSpki),
        ] {
            assert_eq!(decode(text, form), Err(wanted), "{text}");
        }
        let basic = material("password", Algorithm::Basic, Form::Utf8);
        assert_eq!(basic.unwrap_err(), KeyError::NoColon);
    }

    #[test]
    fn an_ecdsa_key_is_a_point_on_p256() {
        let armoured =
            format!("-----BEGIN PUBLIC KEY-----\n{SENDGRID}\n-----END PUBLIC KEY-----\n");
        for text in [SENDGRID, &armoured, &SENDGRID.replace("/7d", "/7d\n")] {
            match material(text, Algorithm::EcdsaP256, Form::Spki) {
                Ok(Material::EcdsaP256(KeyBytes(point))) => assert_eq!(point.len(), 65),
                other => panic!("{other:?}"),
            }
        }
        let cut = &SENDGRID[..SENDGRID.len() - 4];
        assert_eq!(material(cut, Algorithm::EcdsaP256, Form::Spki).unwrap_err(), KeyError::NotSpki);
        // The same numbers with another curve's name.
        let other = SENDGRID.replace("KoZIzj0DAQc", "KoZIzj0DAQY");
        assert!(matches!(
            material(&other, Algorithm::EcdsaP256, Form::Spki),
            Err(KeyError::OtherKind(_))
        ));
        let ed25519 = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert!(matches!(
            material(ed25519, Algorithm::EcdsaP256, Form::Spki),
            Err(KeyError::OtherKind(_))
        ));
        assert!(matches!(
            material(ed25519, Algorithm::Ed25519, Form::Spki),
            Ok(Material::Ed25519(_))
        ));
    }

    #[test]
    fn an_ed25519_key_has_32_bytes() {
        let whpk = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let hex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        for (text, form) in [(whpk, Form::Whpk), (hex, Form::Hex)] {
            assert!(matches!(material(text, Algorithm::Ed25519, form), Ok(Material::Ed25519(_))));
        }
        let short = material(&hex[2..], Algorithm::Ed25519, Form::Hex);
        assert_eq!(short.unwrap_err(), KeyError::Length(31));
    }
}
