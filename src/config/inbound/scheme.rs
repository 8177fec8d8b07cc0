//! What a source's signature is made of: the grammar of `[inbound.sources.X.verify]`, checked.

use std::fmt;
use std::time::Duration;

use super::place::{Place, Places};
use super::template::Piece;

/// How requests prove where they come from.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By one of these; the first whose signature is there decides.
    Signed(Vec<Scheme>),
    /// By what no declaration can say.
    Code(Code),
}

/// A signature that takes code to check.
#[derive(Clone, Debug)]
pub enum Code {
    /// RSA over ids, time and CRC32 of the body; the certificate comes from PayPal's host.
    PayPal {
        /// Id of the webhook at PayPal; it is signed.
        webhook_id: String,
        /// PEM certificate to use in place of the one that the request names.
        cert_pem: Option<String>,
    },
    /// RSA over a list of members; the certificate comes from Amazon's host.
    AwsSns {
        /// The topic; others are refused.
        topic_arn: String,
        /// As for PayPal.
        cert_pem: Option<String>,
    },
    /// HMAC in each item of the body.
    Adyen {
        /// Keys, any of which may match.
        keys: Vec<KeyBytes>,
    },
}

/// One way to prove it.
#[derive(Clone, Debug)]
pub struct Scheme {
    /// Where the signature is.
    pub signature: SignatureFrom,
    /// When it was signed.
    pub timestamp: Option<TimestampFrom>,
    /// What is signed; empty for tokens and Basic auth.
    pub content: Vec<Piece>,
    /// A value that may be used once.
    pub replay: Option<Place>,
    /// What no declaration can say.
    pub quirk: Option<Quirk>,
    /// Never empty. Any may match.
    pub keys: Vec<Key>,
}

/// A key, and which version label of the signature list it is for.
#[derive(Clone, Debug)]
pub struct Key {
    /// `None` where signatures have no version.
    pub version: Option<String>,
    /// The key with its algorithm, so that one is never used for the other.
    pub material: Material,
}

/// A key with its algorithm.
#[derive(Clone, Debug)]
pub enum Material {
    /// HMAC.
    Hmac(Hash, KeyBytes),
    /// A public key of 32 bytes.
    Ed25519(KeyBytes),
    /// A public key on P-256: an uncompressed point of 65 bytes. Signatures are DER.
    EcdsaP256(KeyBytes),
    /// The header's text itself.
    Token(KeyBytes),
    /// `user:password` of Basic auth.
    Basic(KeyBytes),
}

/// Hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Bytes that must never be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyBytes(pub Vec<u8>);

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a signature is and how it is written.
#[derive(Clone, Debug)]
pub struct SignatureFrom {
    /// Where.
    pub from: Places,
    /// What stands before it.
    pub prefix: String,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// Whether it is one of a list.
    pub list: Option<List>,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Either case.
    Hex,
    /// Standard alphabet, padded.
    Base64,
    /// As they are (tokens).
    Text,
}

/// `t=1,v1=aa,v1=bb` or `v1,AA v1a,BB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Between elements.
    pub separator: char,
    /// Between label and value.
    pub assignment: char,
    /// Labels of the elements that are signatures. Others are ignored.
    pub take: Vec<String>,
}

/// When a request was signed, and how far off that may be.
#[derive(Clone, Debug)]
pub struct TimestampFrom {
    /// Where it stands.
    pub from: Places,
    /// How it is written.
    pub unit: TimestampUnit,
    /// The oldest that is taken; `None` = any.
    pub past: Option<Duration>,
    /// The furthest in the future; `None` = any.
    pub future: Option<Duration>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
}

/// What no declaration can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// JSON bodies are bound by `bodySHA256` in the URL; the port may or may not be signed; a
    /// header may name the algorithm.
    Twilio,
    /// `-1` to `-100` follow the header's name.
    NumberedHeaders,
    /// Some characters of the URL are decoded before it is signed.
    HubSpotUrl,
}
