//! Signatures of bodies (contract 3.2): secrets, signing, and the receiver's side in `verify`.
//!
//! Pure: whoever calls says what time it is.

mod verify;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

pub use verify::{TOLERANCE_SECONDS, Verifier, VerifyError};

/// What is signed and in which headers the signature travels; the profiles of contract 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `X-Webhook-Signature: sha256=<hex>` over `{timestamp}.{body}`.
    XWebhook,
    /// Standard Webhooks: `webhook-signature: v1,<base64>` over `{id}.{timestamp}.{body}`.
    Standard,
    /// `X-Webhook-Signature: <hex>` over the body.
    Body,
    /// `X-Signature: sha256=<hex>` over the body.
    XSignature,
}

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The event's id.
    pub id: &'a str,
    /// Unix seconds of this attempt, in digits.
    pub timestamp: &'a str,
    /// The bytes sent.
    pub body: &'a [u8],
}

/// A secret that cannot sign.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing in it.
    #[error("the signing secret is empty")]
    Empty,
    /// `whsec_` alone.
    #[error("the signing secret has nothing after whsec_")]
    EmptyAfterPrefix,
    /// `whsec_` and something else than base64.
    #[error("the signing secret is not base64 after whsec_")]
    NotBase64,
}

/// Checks that `secret` can sign under `scheme`.
///
/// # Errors
/// Says what is wrong with it; never shows it.
pub fn check_secret(scheme: Scheme, secret: &Secret) -> Result<(), SecretError> {
    key(scheme, secret).map(|_| ())
}

/// Makes a signing secret: `whsec_` and the base64 of 48 random bytes.
///
/// # Errors
/// When the operating system has no randomness.
pub fn generate_secret() -> Result<Secret, getrandom::Error> {
    let mut random = [0; 48];
    getrandom::fill(&mut random)?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(random))))
}

/// Signs under one scheme with keys prepared once per secret.
pub struct Signer {
    scheme: Scheme,
    keys: Vec<Key>,
}

impl Signer {
    /// Prepares `secrets`, the newest first. Without any, nothing is signed.
    ///
    /// # Errors
    /// When one of them cannot sign under `scheme`.
    pub fn new(scheme: Scheme, secrets: &[Secret]) -> Result<Self, SecretError> {
        let keys = secrets.iter().take(scheme.most_secrets());
        Ok(Self { scheme, keys: keys.map(|s| key(scheme, s)).collect::<Result<_, _>>()? })
    }

    /// Names of the headers whose values [`Signer::sign`] returns, spelt as they are sent.
    pub fn header_names(&self) -> &'static [&'static str] {
        match (self.scheme, self.keys.len()) {
            (_, 0) => &[],
            (Scheme::XWebhook, 1) | (Scheme::Body, _) => &["X-Webhook-Signature"],
            (Scheme::XWebhook, _) => &["X-Webhook-Signature", "X-Webhook-Signature-Previous"],
            (Scheme::Standard, _) => &["webhook-signature", "webhook-id", "webhook-timestamp"],
            (Scheme::XSignature, _) => &["X-Signature"],
        }
    }

    /// The headers' values, the signature first.
    pub fn sign(&self, message: &Message<'_>) -> Vec<String> {
        let macs = self.keys.iter().map(|key| mac(self.scheme, key, message));
        match self.scheme {
            _ if self.keys.is_empty() => Vec::new(),
            Scheme::XWebhook | Scheme::XSignature => macs.map(|m| hex("sha256=", &m)).collect(),
            Scheme::Body => macs.map(|m| hex("", &m)).collect(),
            Scheme::Standard => {
                vec![versioned(macs), message.id.to_owned(), message.timestamp.to_owned()]
            }
        }
    }
}

impl Scheme {
    /// How many secrets' signatures a request can carry during rotation.
    fn most_secrets(self) -> usize {
        match self {
            Self::XWebhook => 2,
            Self::Standard => usize::MAX,
            Self::Body | Self::XSignature => 1,
        }
    }
}

const PREFIX: &str = "whsec_";

/// The block that a key makes is hashed once, here; signing clones the state after it.
type Key = Hmac<Sha256>;

fn key(scheme: Scheme, secret: &Secret) -> Result<Key, SecretError> {
    let text = secret.expose();
    match text.strip_prefix(PREFIX) {
        Some(encoded) if scheme == Scheme::Standard => Ok(prepare(&decode(encoded)?)),
        _ if text.is_empty() => Err(SecretError::Empty),
        _ => Ok(prepare(text.as_bytes())),
    }
}

fn prepare(key: &[u8]) -> Key {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Padding is optional: both forms are in circulation.
fn decode(encoded: &str) -> Result<Vec<u8>, SecretError> {
    const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    match ANY_PADDING.decode(encoded) {
        Ok(key) if key.is_empty() => Err(SecretError::EmptyAfterPrefix),
        Ok(key) => Ok(key),
        Err(_) => Err(SecretError::NotBase64),
    }
}

fn mac(scheme: Scheme, key: &Key, message: &Message<'_>) -> [u8; 32] {
    let mut mac = key.clone();
    if scheme == Scheme::Standard {
        mac.update(message.id.as_bytes());
        mac.update(b".");
    }
    if matches!(scheme, Scheme::Standard | Scheme::XWebhook) {
        mac.update(message.timestamp.as_bytes());
        mac.update(b".");
    }
    mac.update(message.body);
    mac.finalize().into_bytes().into()
}

pub(crate) fn hex(prefix: &str, bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(prefix.len() + 2 * bytes.len());
    text.push_str(prefix);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn versioned(macs: impl Iterator<Item = [u8; 32]>) -> String {
    let mut text = String::with_capacity(48);
    for mac in macs {
        text.push_str(if text.is_empty() { "v1," } else { " v1," });
        STANDARD.encode_string(mac, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const V1_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    fn signature(scheme: Scheme, secret: &str, message: &Message<'_>) -> String {
        let signer = Signer::new(scheme, &[Secret::new(secret)]).unwrap();
        signer.sign(message).swap_remove(0)
    }

    fn message<'a>(id: &'a str, timestamp: &'a str, body: &'a str) -> Message<'a> {
        Message { id, timestamp, body: body.as_bytes() }
    }

    #[test]
    fn standard_signatures_match_the_published_vectors() {
        let v2 = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let v2_id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
        let v2_body = r#"{"email":"test@example.com","username":"test_user"}"#;
        for (secret, id, timestamp, body, expected) in [
            (
                V1,
                V1_ID,
                "1614265330",
                r#"{"test": 2432232314}"#,
                "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (v2, v2_id, "1649367553", v2_body, "tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
            (
                V1,
                V1_ID,
                "1614265330",
                r#"{"test":2432232314}"#,
                "Vif40peJBP7Iyl0XGmu61n4MwdrcHov5CFREBpE0svs=",
            ),
            (
                V1,
                V1_ID,
                "1614265330",
                r#"{"name":"Zoë €"}"#,
                "iENl6vMpRAScaigXd3FyM+4e/0ZxBwrp3oDfUyL8G6I=",
            ),
        ] {
            let made = signature(Scheme::Standard, secret, &message(id, timestamp, body));
            assert_eq!(made, format!("v1,{expected}"), "{body}");
        }
    }

    #[test]
    fn timestamped_and_bare_signatures_match_the_vectors() {
        let github = signature(
            Scheme::XSignature,
            "It's a Secret to Everybody",
            &message("", "", "Hello, World!"),
        );
        assert_eq!(
            github,
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
        let bare = signature(
            Scheme::Body,
            "It's a Secret to Everybody",
            &message("", "", "Hello, World!"),
        );
        assert_eq!(bare, github["sha256=".len()..]);
        let stripe = signature(
            Scheme::XWebhook,
            "test_secret",
            &message("", "1234567890", r#"{"type":"charge.succeeded"}"#),
        );
        assert_eq!(
            stripe,
            "sha256=1c2642b44bcd181ec4d3b903f4fe83425c77f612f2695f4062211670d564f229"
        );
        let ours = signature(
            Scheme::XWebhook,
            "secret_123",
            &message("", "1705405200", r#"{"id":"evt_abc123xyz","event":"created"}"#),
        );
        assert_eq!(ours, "sha256=9d054086a0f549ebc658633785abba86161f34598469c21e6e798a41a59eecac");
    }

    #[test]
    fn x_webhook_keys_are_the_secrets_text_even_with_the_prefix() {
        let message = message("", "1", "x");
        let text = Signer::new(Scheme::XWebhook, &[Secret::new(V1)]).unwrap();
        let key = prepare(V1.as_bytes());
        assert_eq!(text.sign(&message)[0], hex("sha256=", &mac(Scheme::XWebhook, &key, &message)));
    }

    #[test]
    fn during_rotation_each_scheme_carries_what_it_can() {
        let secrets = [Secret::new("new"), Secret::new("old"), Secret::new("older")];
        let message = message("evt_1", "1", "x");
        let alone = |scheme, secret: &str| signature(scheme, secret, &message);
        let signed = |scheme| {
            let signer = Signer::new(scheme, &secrets).unwrap();
            assert_eq!(signer.header_names().len(), signer.sign(&message).len());
            signer.header_names().iter().copied().zip(signer.sign(&message)).collect::<Vec<_>>()
        };
        use Scheme::{Body, Standard, XSignature, XWebhook};
        assert_eq!(
            signed(XWebhook),
            [
                ("X-Webhook-Signature", alone(XWebhook, "new")),
                ("X-Webhook-Signature-Previous", alone(XWebhook, "old")),
            ]
        );
        let all = ["new", "old", "older"].map(|secret| alone(Standard, secret)).join(" ");
        assert_eq!(
            signed(Standard),
            [
                ("webhook-signature", all),
                ("webhook-id", "evt_1".to_owned()),
                ("webhook-timestamp", "1".to_owned()),
            ]
        );
        assert_eq!(signed(Body), [("X-Webhook-Signature", alone(Body, "new"))]);
        assert_eq!(signed(XSignature), [("X-Signature", alone(XSignature, "new"))]);
    }

    #[test]
    fn no_secret_means_no_signature() {
        for scheme in [Scheme::XWebhook, Scheme::Standard, Scheme::Body, Scheme::XSignature] {
            let signer = Signer::new(scheme, &[]).unwrap();
            assert!(signer.header_names().is_empty());
            assert!(signer.sign(&message("a", "1", "x")).is_empty());
        }
    }

    #[test]
    fn secrets_that_cannot_sign_are_refused_before_anything_is_sent() {
        let check = |scheme, text: &str| check_secret(scheme, &Secret::new(text));
        assert_eq!(check(Scheme::Standard, ""), Err(SecretError::Empty));
        assert_eq!(check(Scheme::XWebhook, ""), Err(SecretError::Empty));
        assert_eq!(check(Scheme::Standard, "whsec_"), Err(SecretError::EmptyAfterPrefix));
        assert_eq!(check(Scheme::Standard, "whsec_not base64"), Err(SecretError::NotBase64));
        assert_eq!(check(Scheme::Standard, "whsec_YQ"), Ok(()), "padding is optional");
        assert_eq!(check(Scheme::Standard, "whsec_YQ=="), Ok(()));
        assert_eq!(check(Scheme::Standard, "plain text"), Ok(()));
        assert_eq!(check(Scheme::Body, "whsec_"), Ok(()), "there it is only text");
    }

    #[test]
    fn a_generated_secret_is_48_random_bytes_in_base64_after_the_prefix() {
        let (one, other) = (generate_secret().unwrap(), generate_secret().unwrap());
        assert_ne!(one, other);
        let encoded = one.expose().strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap().len(), 48);
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_signed_as_bytes() {
        let sign = |body: &[u8]| {
            let signer = Signer::new(Scheme::Body, &[Secret::new("s")]).unwrap();
            signer.sign(&Message { id: "", timestamp: "", body })
        };
        assert_ne!(sign(b"\xff\xfe"), sign("\u{fffd}\u{fffd}".as_bytes()));
    }
}
