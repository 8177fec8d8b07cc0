//! `walhook tail`.

use std::io::{self, Write};

use clap::Args;
use owo_colors::OwoColorize;

use super::failure::{Failure, Output};
use super::flags::Common;
use super::run::{load, stop_signal};
use crate::admin::pretty::harmless;
use crate::admin::tail::{self, Following};
use crate::config::dsn::Dsn;
use crate::shutdown;
use crate::store::LoggedAttempt;

/// Flags of `walhook tail`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Only deliveries to this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Only events of this type, or of types that match this pattern
    #[arg(long = "type", value_name = "PATTERN")]
    event_type: Option<String>,
}

/// Follows deliveries until Ctrl-C.
pub(super) fn run(common: &Common, flags: &Flags) -> Result<(), Failure> {
    let config = load(common)?;
    let dsn = Dsn::parse(config.database.url.expose());
    let following = Following {
        dsn: dsn.map_err(|error| Failure::configuration("database.url", error))?,
        slot: config.database.slot,
        endpoint: flags.endpoint.clone(),
        event_type: flags.event_type.clone(),
    };
    let mut broken = None;
    let mut show = |attempt: &LoggedAttempt| match print(attempt, flags.json) {
        Ok(()) => true,
        Err(error) => {
            broken = Some(error);
            false
        }
    };
    super::block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        let stop = stop_signal().map_err(Failure::failed)?;
        let following = tail::follow(&following, shutdown, &mut show);
        tokio::select! {
            ended = following => ended.map_err(Failure::failed),
            () = stop => {
                trigger.stop();
                Ok(())
            }
        }
    })?;
    broken.map_or(Ok(()), |error| Err(Output::from(error).into()))
}

fn print(attempt: &LoggedAttempt, as_json: bool) -> io::Result<()> {
    let line = match as_json {
        true => serde_json::to_string(attempt)?,
        false => describe(attempt),
    };
    let mut out = anstream::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn describe(attempt: &LoggedAttempt) -> String {
    let status = format!("{:<9}", attempt.status);
    let status = match attempt.status.as_str() {
        "success" => status.green().to_string(),
        "failed" => status.red().to_string(),
        "retrying" => status.yellow().to_string(),
        _ => status,
    };
    let code = attempt.status_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let milliseconds = attempt.duration_us as f64 / 1000.0;
    let mut line = format!(
        "{}  {status}  {}  {}  {}  {code}  {milliseconds:.1} ms  attempt {}",
        attempt.at, attempt.endpoint_name, attempt.event_type, attempt.event_id, attempt.attempt,
    );
    if let Some(message) = &attempt.error_message {
        let class = attempt.error_class.as_deref().unwrap_or("");
        // What receivers answer must not reach the terminal as commands, nor as further lines.
        let message = harmless(message).replace(['\n', '\t'], " ");
        line.push_str(&format!("  {class}: {message}"));
    }
    line
}
