//! `walhook verify`: whether a body on standard input is signed as its headers claim, or a recorded
//! request as the provider of a preset signs.

use std::io::Write;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::failure::{Failure, Output};
use super::flags::{Profile, Secrets, read_body, unix_now};
use super::preset;
use crate::admin::verdict::{Judge, claimed};

/// Flags of `walhook verify`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    #[command(flatten)]
    secrets: Secrets,
    /// A header of the request, as in 'X-Webhook-Signature: sha256=…'; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Signature profile to insist on; may be repeated (default: those that the headers claim)
    #[arg(long = "profile", value_name = "PROFILE")]
    profiles: Vec<Profile>,
    /// Id of the event, in place of a webhook-id header
    #[arg(long)]
    id: Option<HeaderValue>,
    /// Unix seconds of the attempt, in place of a timestamp header
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<HeaderValue>,
    /// The receiver's clock in Unix seconds, for a request recorded earlier (default: now)
    #[arg(long, value_name = "SECONDS")]
    now: Option<i64>,
    #[command(flatten)]
    recorded: preset::Recorded,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    // The value is not repeated: it may be a credential.
    let refused = || "not a header (expected 'Name: value')".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(refused)?;
    let name = name.trim().parse().map_err(|_| refused())?;
    Ok((name, value.trim().parse().map_err(|_| refused())?))
}

/// Says whether the body verifies, and if not, which check failed; then the exit code is 1.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let secrets = flags.secrets.load()?;
    let now = flags.now.unwrap_or_else(unix_now);
    if let Some(given) = flags.recorded.given() {
        return preset::run(&flags.recorded, given, &secrets, now);
    }
    if secrets.is_empty() {
        return Err(Failure::Configuration("no --secret to verify with".to_owned(), None));
    }
    let headers = request_headers(flags);
    let schemes = match flags.profiles.as_slice() {
        [] => claimed(&headers),
        profiles => profiles.iter().map(|profile| profile.scheme()).collect(),
    };
    let judge =
        Judge::new(&schemes, &secrets).map_err(|e| Failure::configuration("--secret", e))?;
    let body = read_body()?;
    let verdict = judge.insist(&headers, &body, now);
    let mut out = anstream::stdout().lock();
    writeln!(out, "{verdict}").map_err(Output::from)?;
    if verdict.is_verified() {
        out.flush().map_err(Output::from)?;
        return Ok(());
    }
    if let Some(bare) = body.strip_suffix(b"\n")
        && judge.insist(&headers, bare, now).is_verified()
    {
        let hint = "without its final newline the body verifies: printf %s adds none, echo does";
        writeln!(out, "{hint}").map_err(Output::from)?;
    }
    out.flush().map_err(Output::from)?;
    Err(Failure::Reported(1))
}

/// The headers given, with what has a flag of its own.
fn request_headers(flags: &Flags) -> HeaderMap {
    let mut headers: HeaderMap = flags.headers.iter().cloned().collect();
    let own = [
        ("webhook-id", &flags.id),
        ("webhook-timestamp", &flags.timestamp),
        ("x-webhook-timestamp", &flags.timestamp),
    ];
    for (name, value) in own {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    headers
}
