//! `walhook verify --preset`: a recorded request judged as the inbound receiver judges it, with
//! the reason if it is refused, and what would have to be otherwise.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use http::header::CONTENT_LENGTH;

use super::failure::{Failure, Output};
use super::recording;
use crate::config::Environment;
use crate::config::inbound::Source;
use crate::inbound::verdict::{Handshaken, Post, Reason, Rejection, Request, Verdict};
use crate::inbound::verify::Verifier;
use crate::secret::Secret;

/// Flags that belong to `--preset`.
#[derive(Debug, Args)]
pub(super) struct Recorded {
    /// Judge a recorded request as the inbound source of this preset would, as in 'stripe'
    #[arg(long, value_name = "NAME", requires = "request",
        conflicts_with_all = ["headers", "profiles", "id", "timestamp"])]
    preset: Option<String>,
    /// File with the request: its line, headers, an empty line and the body; '-' is standard input
    #[arg(long, value_name = "FILE", requires = "preset")]
    request: Option<PathBuf>,
    /// URL that the provider posts to, where the provider signs it
    #[arg(long, value_name = "URL", requires = "preset")]
    public_url: Option<String>,
    /// Id of the webhook at PayPal
    #[arg(long, value_name = "ID", requires = "preset")]
    webhook_id: Option<String>,
    /// PEM file with the certificate that PayPal or Amazon SNS signed with
    #[arg(long, value_name = "FILE", requires = "preset")]
    cert: Option<PathBuf>,
    /// ARN of the topic at Amazon SNS
    #[arg(long, value_name = "ARN", requires = "preset")]
    topic_arn: Option<String>,
    /// The verify token of Meta's GET request
    #[arg(long, value_name = "TOKEN", requires = "preset",
        value_parser = |text: &str| Ok::<_, String>(Secret::new(text)))]
    verify_token: Option<Secret>,
    /// How old the request may be, as in 300s; 0s is no limit (default: the preset's)
    #[arg(long, value_name = "DURATION", requires = "preset")]
    tolerance_past: Option<String>,
    /// How far in the future it may be (default: the preset's)
    #[arg(long, value_name = "DURATION", requires = "preset")]
    tolerance_future: Option<String>,
}

impl Recorded {
    /// Preset and recording, where they are given.
    pub(super) fn given(&self) -> Option<(&str, &PathBuf)> {
        self.preset.as_deref().zip(self.request.as_ref())
    }

    /// The source that the configuration would make of these flags.
    fn source(&self, preset: &str, secrets: &[Secret]) -> Result<Source, Failure> {
        let cert = self.cert.as_ref().map(|path| format!("file:{}", path.display()));
        let mut variables = Vec::new();
        let mut variable = |secret: &Secret| {
            // So that nothing in it is taken for anything but the secret.
            let name = format!("SECRET_{}", variables.len());
            variables.push((name.clone(), secret.expose().to_owned()));
            quoted(&format!("${{{name}}}"))
        };
        let secrets: Vec<String> = secrets.iter().map(&mut variable).collect();
        let listed = format!("[{}]", secrets.join(", "));
        let settings = [
            ("preset", Some(quoted(preset))),
            ("secrets", Some(listed).filter(|_| !secrets.is_empty())),
            ("verify_token", self.verify_token.as_ref().map(variable)),
            ("public_url", self.public_url.as_deref().map(quoted)),
            ("webhook_id", self.webhook_id.as_deref().map(quoted)),
            ("topic_arn", self.topic_arn.as_deref().map(quoted)),
            ("cert_pem", cert.as_deref().map(quoted)),
            ("tolerance_past", self.tolerance_past.as_deref().map(quoted)),
            ("tolerance_future", self.tolerance_future.as_deref().map(quoted)),
        ];
        let lines = settings
            .iter()
            .filter_map(|(key, value)| Some(format!("{key} = {}\n", value.as_ref()?)));
        let settings: String = lines.collect();
        let source = Source::from_toml("request", &settings, &Environment::from_iter(variables));
        source.map_err(|faults| {
            let mut text =
                "these flags make no source (public_url is the flag --public-url):".to_owned();
            for fault in &faults {
                let key = if fault.key.is_empty() { "" } else { &format!("{}: ", fault.key) };
                text.push_str(&format!("\n  {key}{} ({})", fault.problem, fault.fix));
            }
            Failure::Configuration(text, None)
        })
    }
}

/// Says what the request turns out to be; the exit code is 1 unless it is genuine.
pub(super) fn run(
    flags: &Recorded,
    (preset, path): (&str, &PathBuf),
    secrets: &[Secret],
    now: i64,
) -> Result<(), Failure> {
    let verifier = Verifier::new(Arc::new(flags.source(preset, secrets)?));
    let request = recording::read(path)?;
    let now_ms = now.saturating_mul(1_000);
    let (lines, verified) = match verifier.judge(&request, now_ms, None) {
        Verdict::Events(post) => (events(preset, &post), true),
        Verdict::Handshake(handshake) => (handshaken(preset, &handshake), true),
        Verdict::NeedsCertificate(url) => {
            let line =
                format!("not verified yet: fetch the certificate at {url} and pass --cert FILE");
            (vec![line], false)
        }
        Verdict::Rejected(rejection) => {
            let hints = verifier.explain(&request, now_ms);
            (rejected(&rejection, &request, hints), false)
        }
    };
    let mut out = anstream::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(Output::from)?;
    }
    out.flush().map_err(Output::from)?;
    if verified { Ok(()) } else { Err(Failure::Reported(1)) }
}

fn events(preset: &str, post: &Post) -> Vec<String> {
    let mut lines = vec![format!("verified ({preset})")];
    for event in &post.events {
        let event_type = event.event_type.as_deref().unwrap_or("no type");
        let mut line = format!("event {:?}, {event_type:?}", event.event_id);
        match (event.unusable, &event.payload) {
            (Some(why), _) => line.push_str(&format!(", which would be stored as failed: {why}")),
            (None, None) => line.push_str(", whose payload jsonb cannot hold"),
            (None, Some(_)) => {}
        }
        lines.push(line);
    }
    if post.events.is_empty() {
        lines.push("no events".to_owned());
    }
    lines
}

fn handshaken(preset: &str, handshake: &Handshaken) -> Vec<String> {
    let mut lines = vec![format!("verified ({preset})"), "a handshake, no event".to_owned()];
    lines.extend(handshake.tell.clone());
    lines
}

fn rejected(rejection: &Rejection, request: &Request, hints: Vec<String>) -> Vec<String> {
    let mut lines = vec![format!("not verified: {}", rejection.reason.as_str())];
    lines.extend(rejection.detail.clone());
    lines.extend(rejection.skew_seconds.map(|skew| match skew {
        0 => "its time is the clock's".to_owned(),
        ..0 => format!("its time is {} s before the clock", skew.unsigned_abs()),
        1.. => format!("its time is {skew} s after the clock"),
    }));
    let body = &request.body;
    lines.push(format!("body: {} bytes, sha256 {}", body.len(), request.body_sha256()));
    let claimed = request.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if let Some(claimed) = claimed.filter(|claimed| *claimed != body.len().to_string()) {
        lines.push(format!("the Content-Length is {claimed}, so the recording is not to the byte"));
    }
    if hints.is_empty() && rejection.reason == Reason::BadSignature {
        lines.push(
            "none of the usual mistakes explains it: another secret, or another body".to_owned(),
        );
    }
    lines.extend(hints);
    lines
}

/// A text as TOML and JSON alike write it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
