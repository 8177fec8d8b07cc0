//! Flags that several commands share.

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use crate::secret::Secret;
use crate::sign::Scheme;

/// Flags of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The configuration file
    #[arg(short, long, global = true, value_name = "PATH", default_value = "config.toml")]
    pub config: PathBuf,
    /// Form of the log lines on standard error; RUST_LOG filters them (default: info)
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Signing secrets of a receiver or a sender.
#[derive(Debug, Args)]
pub(super) struct Secrets {
    /// A signing secret, or file:PATH to keep it out of the process list; may be repeated
    #[arg(
        long = "secret",
        value_name = "SECRET",
        env = "WALHOOK_SECRET",
        hide_env_values = true,
        value_parser = |text: &str| Ok::<_, String>(Secret::new(text)),
    )]
    secrets: Vec<Secret>,
}

impl Secrets {
    /// The secrets themselves, those in files read.
    pub(super) fn load(&self) -> Result<Vec<Secret>, Failure> {
        self.secrets.iter().map(load).collect()
    }
}

fn load(secret: &Secret) -> Result<Secret, Failure> {
    let Some(path) = secret.expose().strip_prefix("file:") else { return Ok(secret.clone()) };
    match std::fs::read_to_string(path) {
        // Editors end files with a newline that is no part of the secret.
        Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']))),
        Err(error) => Err(Failure::configuration(format!("--secret file:{path}"), error)),
    }
}

/// Names of the signature profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Profile {
    /// X-Webhook-Signature: sha256=<hex> over timestamp and body
    XWebhook,
    /// Standard Webhooks: webhook-signature over id, timestamp and body
    Standard,
    /// X-Webhook-Signature: <hex> over the body
    Body,
    /// X-Signature: sha256=<hex> over the body
    XSignature,
}

impl Profile {
    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::XWebhook => Scheme::XWebhook,
            Self::Standard => Scheme::Standard,
            Self::Body => Scheme::Body,
            Self::XSignature => Scheme::XSignature,
        }
    }
}

/// A whole body from standard input.
pub(super) fn read_body() -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut body);
    read.map(|_| body).map_err(Failure::failed)
}

/// Unix seconds by this machine's clock.
pub(super) fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// `500ms`, `20s`, `5m`, `4h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("not a duration: {text:?} (expected one such as 500ms, 20s or 5m)");
    let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let milliseconds = match &text[unit..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    let number: u64 = text[..unit].parse().map_err(|_| expected())?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for text in ["", "5", "s", "-1s", "1.5s", "1 s", "1w", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_secret_may_stand_in_a_file_with_a_final_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "whsec_YQ==\n").unwrap();
        let reference = Secret::new(format!("file:{}", file.path().display()));
        assert_eq!(load(&reference).unwrap(), Secret::new("whsec_YQ=="));
        let missing = load(&Secret::new("file:/nowhere/at/all")).unwrap_err();
        assert_eq!(missing.exit_code(), 2);
    }
}
