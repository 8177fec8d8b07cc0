//! `walhook sign`: the headers that walhook would send with a body.

use std::io::Write;

use clap::Args;

use super::failure::{Failure, Output};
use super::flags::{Profile, Secrets, read_body, unix_now};
use crate::secret::Secret;
use crate::sign::{Message, Scheme, Signer};

/// Flags of `walhook sign`.
#[derive(Debug, Args)]
#[command(after_help = "Prints one header a line, as curl -H @FILE reads them:\n  \
    printf %s '{\"a\":1}' | walhook sign --secret file:secret.txt > headers.txt")]
pub(super) struct Flags {
    #[command(flatten)]
    secrets: Secrets,
    /// Signature profile; may be repeated
    #[arg(long = "profile", value_name = "PROFILE", default_value = "x-webhook")]
    profiles: Vec<Profile>,
    /// Id of the event, which the standard profile signs too
    #[arg(long, default_value = "", hide_default_value = true)]
    id: String,
    /// Unix seconds of the attempt (default: now)
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<u64>,
}

/// Prints the signature headers of the body on standard input.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let secrets = flags.secrets.load()?;
    if secrets.is_empty() {
        return Err(Failure::Configuration("no --secret to sign with".to_owned(), None));
    }
    if flags.id.is_empty() && flags.profiles.contains(&Profile::Standard) {
        let what = "the standard profile signs the event's id too: add --id";
        return Err(Failure::Configuration(what.to_owned(), None));
    }
    let timestamp = flags.timestamp.map_or_else(|| unix_now().to_string(), |t| t.to_string());
    let body = read_body()?;
    let message = Message { id: &flags.id, timestamp: &timestamp, body: &body };
    let mut out = anstream::stdout().lock();
    for profile in &flags.profiles {
        for (name, value) in headers(profile.scheme(), &secrets, &message)? {
            writeln!(out, "{name}: {value}").map_err(Output::from)?;
        }
    }
    out.flush().map_err(Output::from)?;
    Ok(())
}

fn headers(
    scheme: Scheme,
    secrets: &[Secret],
    message: &Message<'_>,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let signer = Signer::new(scheme, secrets).map_err(|e| Failure::configuration("--secret", e))?;
    let timestamp = match scheme {
        Scheme::XWebhook => Some(("X-Webhook-Timestamp", message.timestamp.to_owned())),
        Scheme::Standard | Scheme::Body | Scheme::XSignature => None,
    };
    let signatures = signer.header_names().iter().copied().zip(signer.sign(message));
    Ok(timestamp.into_iter().chain(signatures).collect())
}
