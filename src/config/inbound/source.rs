//! `[inbound.sources.NAME]`: a preset and what the user says beside it, as one checked source.

use std::ops::RangeInclusive;
use std::path::Path;

use url::Url;

use super::super::layers::{Origin, node_of};
use super::super::reader::{Problem, Reader};
use super::super::table::Table;
use super::super::value::Value;
use super::super::{Environment, Faults, retry, source};
use super::events::{plain_events, read_events, read_reply, usual_reply};
use super::scheme::Proof;
use super::verify::{self, Verify, read_handshake};
use super::{Handshake, Source, into, preset, proof};
use crate::endpoint::RetryPolicy;

const LONGEST_NAME_BYTES: usize = 64;
const LONGEST_URL_BYTES: usize = 4096;
/// A body becomes a value of PostgreSQL, and as jsonb that has a limit of 256 MB.
const BODY_BYTES: RangeInclusive<i64> = 1..=256 * 1024 * 1024;

/// What sources may leave to `[inbound]`.
pub(super) struct Shared {
    pub(super) max_body_bytes: usize,
    pub(super) retry: RetryPolicy,
}

impl Source {
    /// Reads a source from settings that stand by themselves, without a `[inbound]` around them:
    /// no limit of bodies, no retries.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn from_toml(
        name: &str,
        settings: &str,
        environment: &Environment,
    ) -> Result<Self, Faults> {
        let mut text = source::Source::of_text(name, settings);
        let (node, leaves) = {
            let file = text.parse()?;
            (node_of(&file, &Origin::File), source::leaves_of(&file))
        };
        text.leaves = leaves;
        let reader = Reader::new(environment, Path::new(""));
        let shared = Shared { max_body_bytes: usize::MAX, retry: retry::none() };
        let source = read(name, &Value::root(&reader, &node), &shared);
        match (source, reader.finish(&mut text)) {
            (Some(source), (errors, ..)) if errors.is_empty() => Ok(source),
            (_, (errors, ..)) => Err(errors),
        }
    }
}

/// Reads the source `name`.
pub(super) fn read(name: &str, value: &Value<'_>, shared: &Shared) -> Option<Source> {
    let named = check_name(name, value);
    let source = value.table_over(
        &["verify", "events", "reply"],
        |own| match own.value_of("preset") {
            Some(preset) => preset::read(&preset),
            None => Some(preset::none()),
        },
        |table| read_settings(name, table, shared),
    );
    named.and(source)
}

fn check_name(name: &str, value: &Value<'_>) -> Option<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    match (1..=LONGEST_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) {
        true => Some(()),
        false => value.refuse_key(
            Problem::new(
                "not a name for a source: it is a part of the path /webhooks/NAME",
                "write it as in [inbound.sources.stripe]",
            )
            .allowed("1 to 64 of a-z, 0-9, _ and -"),
        ),
    }
}

fn read_settings(name: &str, table: &mut Table<'_>, shared: &Shared) -> Option<Source> {
    let preset = table.optional("preset", |value| value.text());
    let verify = read_verify(name, table);
    let (method, theirs) = match verify {
        Some(Verify { method, handshake }) => (Some(method), handshake),
        None => (None, Handshake::None),
    };
    let handshake = table.read("handshake", read_handshake, theirs);
    let handshake_pending = table.read("handshake_pending", |value| value.boolean(), false);
    let verify_token = table.optional("verify_token", |value| value.secret());
    let public_url = table.optional("public_url", |value| read_public_url(value, name));
    let events = table.read("events", read_events, plain_events());
    let reply = table.read("reply", read_reply, usual_reply());
    let max_body_bytes = table.read("max_body_bytes", read_body_limit, shared.max_body_bytes);
    let retry =
        table.read("retry", |value| retry::read_delays(value, &shared.retry), shared.retry.clone());
    let into = table.optional("into", into::read);
    let proof = proof::read(name, table, method);
    check_handshake(table, handshake, handshake_pending)?;
    let proof = proof?;
    check_url(table, name, &proof)?;
    Some(Source {
        name: name.to_owned(),
        preset,
        proof,
        public_url,
        handshake,
        handshake_pending,
        verify_token,
        events,
        reply,
        max_body_bytes,
        retry,
        into,
    })
}

/// Reads `max_body_bytes`.
pub(super) fn read_body_limit(value: &Value<'_>) -> Option<usize> {
    value.integer(BODY_BYTES)
}

fn read_verify(name: &str, table: &mut Table<'_>) -> Option<Verify> {
    if !table.has("verify") {
        let likely = if preset::is_known(name) { name } else { "…" };
        let fix = format!("preset = \"{likely}\", or a section [inbound.sources.{name}.verify]");
        table.value_of("verify");
        let problem = "nothing says how requests are signed";
        return table.value().refuse_key(Problem::new(problem, fix));
    }
    table.optional("verify", verify::read)
}

fn check_handshake(table: &mut Table<'_>, handshake: Handshake, pending: bool) -> Option<()> {
    let is_meta = handshake == Handshake::Meta;
    if table.has("verify_token") && !is_meta {
        let problem = "`verify_token` means nothing to this kind of source";
        return table.refuse_at("verify_token", Problem::new(problem, "leave `verify_token` out"));
    }
    if is_meta && pending {
        let fix = "verify_token = \"${NAME}\", the text that you tell the provider";
        table.required("verify_token", fix, |_| Some(()))?;
    }
    let unsigned = [Handshake::Meta, Handshake::Gusto, Handshake::Sns].contains(&handshake);
    if let Some(value) = table.value_of("handshake_pending").filter(|_| pending && !unsigned) {
        value.warn_at_key(Problem::new(
            "this provider has no handshake to wait for",
            "leave `handshake_pending` out",
        ));
    }
    Some(())
}

fn check_url(table: &mut Table<'_>, name: &str, proof: &Proof) -> Option<()> {
    if !proof::signs_url(proof) {
        return Some(());
    }
    let fix = format!(
        "public_url = \"https://hooks.example.com/webhooks/{name}\", exactly as the provider has it"
    );
    table.required("public_url", &fix, |_| Some(()))
}

/// The URL as it is written, since that is what the provider signs. Its user info and query may
/// be secrets, so it is never shown.
fn read_public_url(value: &Value<'_>, name: &str) -> Option<String> {
    let text = value.hidden_text()?;
    let refuse = |problem: &str, fix: &str| value.refuse(Problem::new(problem, fix));
    if text.len() > LONGEST_URL_BYTES {
        return refuse("the URL is too long", "write at most 4096 bytes");
    }
    if text.trim() != text || text.contains(|c: char| c.is_control() || c == ' ') {
        return refuse("white space around or inside the URL", "leave it out");
    }
    let web = text.starts_with("https://") || text.starts_with("http://");
    match Url::parse(&text) {
        Ok(url) if web && url.fragment().is_some() => {
            refuse("a fragment is never sent, and never signed", "leave out what follows #")
        }
        Ok(url) if web && url.has_host() => Some(text),
        _ => refuse(
            "not an absolute URL",
            &value.assignment(&format!("\"https://hooks.example.com/webhooks/{name}\"")),
        ),
    }
}
