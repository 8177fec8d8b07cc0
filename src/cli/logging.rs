//! Log lines: to standard error, as text or JSON, filtered by `RUST_LOG`.

use std::env;
use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::failure::Failure;
use super::flags::LogFormat;

/// Starts logging, at `level` unless `RUST_LOG` says otherwise; what was logged before is lost.
pub(super) fn start(format: LogFormat, level: &str) -> Result<(), Failure> {
    let filter = match env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) => EnvFilter::try_new(directives).map_err(refuse)?,
        Err(_) => EnvFilter::new(level),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
        // Else a closed standard error makes the subscriber print there, and that panics.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(Failure::failed)
}

fn refuse(error: ParseError) -> Failure {
    Failure::configuration("RUST_LOG is not a list of levels, as in info,walhook=debug", error)
}
