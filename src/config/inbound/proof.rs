//! The proof of a source: its `verify` with the settings that only the operator has.

use std::time::Duration;

use super::super::reader::Problem;
use super::super::table::Table;
use super::super::value::Value;
use super::scheme::{Code, Key, KeyBytes, Material, Proof, Scheme};
use super::secrets::{self, Taker};
use super::signature::{Slot, read_window};
use super::template::Piece;
use super::verify::{Method, Way};

const LONGEST_ID_BYTES: usize = 255;

/// What PayPal and SNS need in place of secrets.
struct Identity {
    webhook_id: Option<String>,
    topic_arn: Option<String>,
    cert_pem: Option<String>,
}

/// Reads the proof of the source `name`. Without a method, since that has a fault, its keys are
/// read all the same.
pub(super) fn read(name: &str, table: &mut Table<'_>, method: Option<Method>) -> Option<Proof> {
    let past = table.optional("tolerance_past", read_window);
    let future = table.optional("tolerance_future", read_window);
    let identity = Identity {
        webhook_id: table.optional("webhook_id", read_id),
        topic_arn: table.optional("topic_arn", read_arn),
        cert_pem: table.optional("cert_pem", read_certificate),
    };
    let has_secrets = table.value_of("secrets");
    match method? {
        Method::Signed(ways) => {
            refuse_foreign(table, &["webhook_id", "topic_arn", "cert_pem"])?;
            if ways.iter().all(|way| way.scheme.timestamp.is_none()) {
                warn_of_tolerance(table, past.flatten().or(future.flatten()));
            }
            let schemes = with_keys(name, table, ways)?;
            Some(Proof::Signed(schemes.map(|scheme| with_windows(scheme, past, future)).collect()))
        }
        Method::Adyen(slot) => {
            refuse_foreign(table, &["webhook_id", "topic_arn", "cert_pem"])?;
            Some(Proof::Code(Code::Adyen { keys: adyen_keys(name, table, slot)? }))
        }
        method @ (Method::PayPal | Method::AwsSns) => {
            if let Some(value) = has_secrets.filter(|value| !value.is_empty_list()) {
                value.warn_at_key(Problem::new(
                    "this provider signs with a certificate; secrets are not used",
                    "leave `secrets` out",
                ));
            }
            read_code(table, identity, &method).map(Proof::Code)
        }
    }
}

/// The schemes that have keys.
fn with_keys(
    name: &str,
    table: &mut Table<'_>,
    ways: Vec<Way>,
) -> Option<impl Iterator<Item = Scheme>> {
    let takers: Vec<Taker<'_>> = ways
        .iter()
        .map(|way| Taker { slots: &way.slots, begin: way.secrets_begin.as_deref() })
        .collect();
    let keys = secrets::read(table, name, &takers)?;
    let schemes = ways.into_iter().zip(keys).filter(|(_, keys)| !keys.is_empty());
    Some(schemes.map(|(way, keys)| Scheme { keys, ..way.scheme }))
}

/// The source's own windows in place of the scheme's.
fn with_windows(
    mut scheme: Scheme,
    past: Option<Option<Duration>>,
    future: Option<Option<Duration>>,
) -> Scheme {
    if let Some(timestamp) = &mut scheme.timestamp {
        timestamp.past = past.unwrap_or(timestamp.past);
        timestamp.future = future.unwrap_or(timestamp.future);
    }
    scheme
}

fn warn_of_tolerance(table: &mut Table<'_>, tolerance: Option<Duration>) {
    let key = if table.has("tolerance_past") { "tolerance_past" } else { "tolerance_future" };
    if let Some(value) = table.value_of(key).filter(|_| tolerance.is_some()) {
        value.warn_at_key(Problem::new(
            "this provider signs no timestamp, so none can be checked",
            format!("leave `{key}` out"),
        ));
    }
}

fn adyen_keys(name: &str, table: &mut Table<'_>, slot: Slot) -> Option<Vec<KeyBytes>> {
    let takers = [Taker { slots: &[slot], begin: None }];
    let keys = secrets::read(table, name, &takers)?;
    let bytes = |key: Key| match key.material {
        Material::Hmac(_, bytes) => Some(bytes),
        _ => None,
    };
    Some(keys.into_iter().flatten().filter_map(bytes).collect())
}

fn read_code(table: &mut Table<'_>, identity: Identity, method: &Method) -> Option<Code> {
    let Identity { webhook_id, topic_arn, cert_pem } = identity;
    if table.has("cert_pem") && cert_pem.is_none() {
        return None;
    }
    let (own, foreign, fix) = match method {
        Method::PayPal => {
            ("webhook_id", "topic_arn", "webhook_id = \"…\", from the webhook's page at PayPal")
        }
        _ => ("topic_arn", "webhook_id", "topic_arn = \"arn:aws:sns:REGION:ACCOUNT:TOPIC\""),
    };
    let named = table.required(own, fix, |_| Some(()));
    refuse_foreign(table, &[foreign]).and(named)?;
    Some(match method {
        Method::PayPal => Code::PayPal { webhook_id: webhook_id?, cert_pem },
        _ => Code::AwsSns { topic_arn: topic_arn?, cert_pem },
    })
}

fn refuse_foreign(table: &mut Table<'_>, keys: &[&'static str]) -> Option<()> {
    let foreign: Vec<&'static str> = keys.iter().copied().filter(|key| table.has(key)).collect();
    for key in &foreign {
        let problem = format!("`{key}` means nothing to this kind of source");
        table.refuse_at::<()>(key, Problem::new(problem, format!("leave `{key}` out")));
    }
    foreign.is_empty().then_some(())
}

/// Whether the URL that the provider posts to is signed.
pub(super) fn signs_url(proof: &Proof) -> bool {
    match proof {
        Proof::Signed(schemes) => schemes.iter().any(|scheme| scheme.content.contains(&Piece::Url)),
        Proof::Code(_) => false,
    }
}

fn read_id(value: &Value<'_>) -> Option<String> {
    let id = value.word()?;
    match id.len() <= LONGEST_ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic()) {
        true => Some(id),
        false => value.refuse(
            Problem::new("not an id", "copy it as the provider shows it")
                .given(value.given())
                .allowed("1 to 255 visible ASCII characters"),
        ),
    }
}

fn read_arn(value: &Value<'_>) -> Option<String> {
    let arn = read_id(value)?;
    match arn.starts_with("arn:") {
        true => Some(arn),
        false => value.refuse(
            Problem::new(
                "not an ARN",
                value.assignment("\"arn:aws:sns:us-west-2:123456789012:MyTopic\""),
            )
            .given(value.given()),
        ),
    }
}

/// A certificate in PEM: the text itself, or `file:PATH`.
fn read_certificate(value: &Value<'_>) -> Option<String> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use x509_cert::Certificate;
    use x509_cert::der::Decode;

    let pem = value.secret_where(|_| false)?.expose().to_owned();
    let parses = CertificateDer::from_pem_slice(pem.as_bytes())
        .is_ok_and(|der| Certificate::from_der(&der).is_ok());
    match parses {
        true => Some(pem),
        false => value.refuse(Problem::new(
            "not a certificate in PEM",
            "write \"file:/path/to/cert.pem\", or the text from -----BEGIN CERTIFICATE----- on",
        )),
    }
}
