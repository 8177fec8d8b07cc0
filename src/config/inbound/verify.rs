//! `[inbound.sources.X.verify]`: how requests prove where they come from, without the keys.

use super::super::reader::Problem;
use super::super::table::Table;
use super::super::value::Value;
use super::Handshake;
use super::grammar::{ANYWHERE, read_place, read_template};
use super::key::{Algorithm, Form};
use super::place::Place;
use super::scheme::{Encoding, Hash, Quirk, Scheme, SignatureFrom};
use super::signature::{Signature, Slot, read_form, read_signature, read_timestamp};
use super::template::{CONTENT, Piece};

const MOST_WAYS: usize = 8;

const ALGORITHMS: [(&str, Alg); 10] = [
    ("hmac-sha256", Alg::Declared(Algorithm::Hmac(Hash::Sha256))),
    ("hmac-sha1", Alg::Declared(Algorithm::Hmac(Hash::Sha1))),
    ("hmac-sha512", Alg::Declared(Algorithm::Hmac(Hash::Sha512))),
    ("ed25519", Alg::Declared(Algorithm::Ed25519)),
    ("ecdsa-p256-sha256", Alg::Declared(Algorithm::EcdsaP256)),
    ("token", Alg::Declared(Algorithm::Token)),
    ("basic", Alg::Declared(Algorithm::Basic)),
    ("paypal", Alg::PayPal),
    ("aws-sns", Alg::AwsSns),
    ("adyen", Alg::Adyen),
];
const QUIRKS: [(&str, Quirk); 3] = [
    ("twilio", Quirk::Twilio),
    ("numbered-headers", Quirk::NumberedHeaders),
    ("hubspot-url", Quirk::HubSpotUrl),
];
const HANDSHAKES: [(&str, Handshake); 8] = [
    ("none", Handshake::None),
    ("slack", Handshake::Slack),
    ("discord", Handshake::Discord),
    ("zoom", Handshake::Zoom),
    ("meta", Handshake::Meta),
    ("gusto", Handshake::Gusto),
    ("head", Handshake::Head),
    ("sns", Handshake::Sns),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alg {
    Declared(Algorithm),
    PayPal,
    AwsSns,
    Adyen,
}

/// `verify`, read.
pub(super) struct Verify {
    pub(super) method: Method,
    pub(super) handshake: Handshake,
}

/// How requests prove where they come from.
pub(super) enum Method {
    Signed(Vec<Way>),
    PayPal,
    AwsSns,
    Adyen(Slot),
}

/// One way to prove it.
pub(super) struct Way {
    /// Without keys.
    pub(super) scheme: Scheme,
    pub(super) slots: Vec<Slot>,
    /// What the secrets that are for it begin with, where others are for other ways.
    pub(super) secrets_begin: Option<String>,
}

/// Reads `verify`: a table, or a list of them.
pub(super) fn read(value: &Value<'_>) -> Option<Verify> {
    let ways = value.one_or_more(MOST_WAYS, |value| value.table(read_method))?;
    let mut handshakes = ways.iter().filter_map(|(_, handshake)| *handshake);
    let handshake = handshakes.next().unwrap_or_default();
    let mut signed = Vec::new();
    let alone = ways.len() == 1;
    for (method, _) in ways {
        match method {
            Method::Signed(ways) => signed.extend(ways),
            method if alone => return Some(Verify { method, handshake }),
            _ => {
                let problem = "an algorithm that stands for a whole provider is one of several";
                return value.refuse_key(Problem::new(problem, "write it as the only one"));
            }
        }
    }
    match signed.is_empty() {
        true => value.refuse(Problem::new(
            "nothing proves where requests come from",
            "write verify = { alg = …, signature = …, content = … }",
        )),
        false => Some(Verify { method: Method::Signed(signed), handshake }),
    }
}

/// Reads `handshake`.
pub(super) fn read_handshake(value: &Value<'_>) -> Option<Handshake> {
    value.one_of(&HANDSHAKES)
}

fn read_method(table: &mut Table<'_>) -> Option<(Method, Option<Handshake>)> {
    let handshake = table.optional("handshake", read_handshake);
    let secrets_begin = table.optional("secrets_like", read_begin);
    let alg = table.optional("alg", |value| value.one_of(&ALGORITHMS));
    let code = match alg {
        Some(Alg::PayPal) => Method::PayPal,
        Some(Alg::AwsSns) => Method::AwsSns,
        Some(Alg::Adyen) => {
            // Its pages show keys as hex, and nothing else.
            let algorithm = Algorithm::Hmac(Hash::Sha256);
            Method::Adyen(Slot { version: None, algorithm, form: Form::Hex })
        }
        Some(Alg::Declared(algorithm)) => {
            let way = read_way(table, Some(algorithm), secrets_begin)?;
            return Some((Method::Signed(vec![way]), handshake));
        }
        None if table.has("alg") => {
            read_way(table, None, None);
            return None;
        }
        None => {
            let way = read_way(table, None, secrets_begin)?;
            return Some((Method::Signed(vec![way]), handshake));
        }
    };
    for key in ["key", "signature", "timestamp", "content", "replay", "quirk", "secrets_like"] {
        if table.has(key) {
            let problem = format!("`{key}` does not belong to this algorithm");
            return table.refuse_at(key, Problem::new(problem, format!("leave `{key}` out")));
        }
    }
    Some((code, handshake))
}

fn read_way(
    table: &mut Table<'_>,
    algorithm: Option<Algorithm>,
    secrets_begin: Option<String>,
) -> Option<Way> {
    let form = read_form(table, algorithm);
    let signature = table.required(
        "signature",
        "signature = { from = \"h:X-Signature\", encoding = \"hex\" }",
        read_signature,
    );
    let timestamp = table.optional("timestamp", read_timestamp);
    let content = table.optional("content", |value| read_template(value, &CONTENT));
    let replay = table.optional("replay", |value| {
        value.table(|table| {
            table.required("key", "key = \"j:token\"", |key| read_place(key, ANYWHERE))
        })
    });
    let quirk = table.optional("quirk", |value| value.one_of(&QUIRKS));
    let signature = signature?;
    let slots = slots(table, &signature, algorithm, form)?;
    let encoding = encoding(table, &signature, &slots)?;
    if table.has("timestamp") && timestamp.is_none() || table.has("content") && content.is_none() {
        return None;
    }
    let Signature { from, prefix, list, .. } = signature;
    let signature = SignatureFrom { from, prefix, encoding, list };
    let content = content.unwrap_or_default();
    let scheme = Scheme { signature, timestamp, content, replay, quirk, keys: Vec::new() };
    check_together(table, &scheme, &slots)?;
    Some(Way { scheme, slots, secrets_begin })
}

/// What keys are for: one algorithm, or one for each version of the signature.
fn slots(
    table: &mut Table<'_>,
    signature: &Signature,
    algorithm: Option<Algorithm>,
    form: Option<Form>,
) -> Option<Vec<Slot>> {
    let has_versions = !signature.versions.is_empty();
    if has_versions && table.has("alg") {
        let problem = "each of the signature's versions has an algorithm of its own";
        return table.refuse_at("alg", Problem::new(problem, "leave `alg` out"));
    }
    if has_versions {
        return Some(signature.versions.clone());
    }
    if !table.has("alg") {
        let problem = "`alg` is missing";
        return table.value().refuse(Problem::new(problem, "alg = \"hmac-sha256\""));
    }
    Some(vec![Slot { version: None, algorithm: algorithm?, form: form? }])
}

fn encoding(table: &mut Table<'_>, signature: &Signature, slots: &[Slot]) -> Option<Encoding> {
    let possible = slots.first()?.algorithm.encodings();
    match (signature.encoding, possible) {
        (Some(given), _) if possible.contains(&given) => Some(given),
        (None, [only]) => Some(*only),
        (Some(_), _) => table.refuse_at(
            "signature",
            Problem::new("signatures of this algorithm are not written so", "leave encoding out"),
        ),
        (None, _) => table.refuse_at(
            "signature",
            Problem::new("`encoding` is missing", "encoding = \"hex\" or encoding = \"base64\""),
        ),
    }
}

/// What only the whole shows.
fn check_together(table: &mut Table<'_>, scheme: &Scheme, slots: &[Slot]) -> Option<()> {
    let Scheme { signature, timestamp, content, replay, .. } = scheme;
    if !slots.iter().all(|slot| slot.algorithm.signs()) {
        let unsigned = ["content", "timestamp", "replay"].into_iter().find(|key| table.has(key));
        return match unsigned {
            None => Some(()),
            Some(key) => {
                let problem = format!("`{key}` means nothing where nothing is signed");
                table.refuse_at(key, Problem::new(problem, format!("leave `{key}` out")))
            }
        };
    }
    if content.is_empty() {
        let problem = "`content` is missing: what is signed?";
        return table.value().refuse(Problem::new(problem, "content = \"{timestamp}.{body}\""));
    }
    if content.contains(&Piece::Timestamp) && timestamp.is_none() {
        let fix = "add timestamp = { from = \"h:X-Timestamp\" }";
        return table.refuse_at("content", Problem::new("no timestamp is declared", fix));
    }
    let labelled = |place: &Place| matches!(place, Place::Signature(_));
    let in_content = content.iter().any(|piece| match piece {
        Piece::At(places) => places.iter().any(labelled),
        _ => false,
    });
    let in_timestamp = timestamp.iter().flat_map(|timestamp| &timestamp.from).any(labelled);
    if (in_content || in_timestamp || replay.iter().any(labelled)) && signature.list.is_none() {
        let problem = "`sig:` means an element of the signature, which is no list";
        let fix =
            "spell the list out: signature = { from = …, sep = \",\", kv = \"=\", take = \"v1\" }";
        return table.refuse_at("signature", Problem::new(problem, fix));
    }
    warn_of_unsigned(table, scheme);
    Some(())
}

/// Warns of what a user's own scheme leaves open to whoever has seen one request.
fn warn_of_unsigned(table: &mut Table<'_>, scheme: &Scheme) {
    let Scheme { timestamp, content, replay, .. } = scheme;
    let given = table.is_given("content");
    let Some(value) = table.value_of("content").filter(|_| given) else { return };
    if !content.contains(&Piece::Body) && replay.is_none() {
        value.warn_at_key(Problem::new(
            "the body is not signed: who has seen one request can send others",
            "add {body}, if the provider signs it, or a replay key",
        ));
    }
    let signed = |place: &Place| match place {
        Place::Header(_) => content.iter().any(|piece| match piece {
            Piece::At(places) => places.contains(place),
            piece => *piece == Piece::Timestamp,
        }),
        _ => true,
    };
    if !timestamp.iter().flat_map(|timestamp| &timestamp.from).all(signed) {
        value.warn_at_key(Problem::new(
            "the timestamp is not signed, so its age proves nothing",
            "add {timestamp}, if the provider signs it, or leave the timestamp out",
        ));
    }
}

/// `whsec_*`: what secrets begin with.
fn read_begin(value: &Value<'_>) -> Option<String> {
    let text = value.word()?;
    match text.strip_suffix('*') {
        Some(begin) if !begin.is_empty() && !begin.contains('*') => Some(begin.to_owned()),
        _ => value.refuse(
            Problem::new("not the beginning of a secret", value.assignment("\"whsec_*\""))
                .given(value.given())
                .allowed("a text with one * at its end"),
        ),
    }
}
