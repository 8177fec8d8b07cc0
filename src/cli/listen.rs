//! `walhook listen`: a receiver for development.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use owo_colors::OwoColorize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::failure::{Failure, Output};
use super::flags::{Secrets, duration};
use crate::admin::pretty::{harmless, pretty};
use crate::admin::receiver::{self, Received, Settings};
use crate::shutdown;

/// Flags of `walhook listen`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    port: u16,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    #[command(flatten)]
    secrets: Secrets,
    /// Answer every request with this status (default: 200, and 401 to what does not verify)
    #[arg(long, value_name = "CODE")]
    status: Option<StatusCode>,
    /// Wait this long before each answer
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    delay: Duration,
    /// Print bodies as they arrive, not indented
    #[arg(long)]
    raw: bool,
}

/// Prints what arrives until Ctrl-C.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let secrets = flags.secrets.load()?;
    let settings =
        Settings { secrets, status: flags.status, delay: flags.delay, ..Settings::default() };
    super::block_on(listen(flags, settings))
}

async fn listen(flags: &Flags, settings: Settings) -> Result<(), Failure> {
    let listener = TcpListener::bind((flags.host, flags.port)).await;
    let listener = listener.map_err(|error| Bind(flags.host, flags.port, error));
    let listener = listener.map_err(Failure::failed)?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    let checks =
        if settings.secrets.is_empty() { ", checking nothing: no --secret given" } else { "" };
    say(&format!("listening on http://{address}{checks}"))?;

    let (sink, mut arrivals) = mpsc::channel(64);
    let (trigger, shutdown) = shutdown::channel();
    let mut receiver = tokio::spawn(receiver::receive(listener, settings, sink, shutdown));
    let mut count = 0u64;
    let printed = loop {
        tokio::select! {
            arrived = arrivals.recv() => {
                let Some(received) = arrived else { break Ok(()) };
                count += 1;
                if let Err(failure) = say(&describe(count, &received, flags.raw)) {
                    break Err(failure);
                }
            }
            interrupted = tokio::signal::ctrl_c() => break interrupted.map_err(Failure::failed),
        }
    };
    trigger.stop();
    // Requests still open may wait for their delay: a second Ctrl-C need not be patient.
    tokio::select! {
        ended = &mut receiver => {
            let ended = ended.map_err(Failure::failed)?;
            ended.map_err(|error| Failure::configuration("--secret", error))?;
        }
        () = async { while arrivals.recv().await.is_some() {} std::future::pending().await } => {}
        _ = tokio::signal::ctrl_c() => receiver.abort(),
    }
    printed
}

#[derive(Debug, thiserror::Error)]
#[error("could not listen on {0}:{1}")]
struct Bind(IpAddr, u16, #[source] std::io::Error);

fn say(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}").map_err(Output::from)?;
    out.flush().map_err(Output::from)?;
    Ok(())
}

/// What arrived: one line of facts, then the body.
fn describe(count: u64, received: &Received, raw: bool) -> String {
    let verdict = received.verdict.to_string();
    let verdict = if received.verdict.is_verified() {
        verdict.green().to_string()
    } else {
        verdict.red().to_string()
    };
    // Headers come from outside: nothing in them may reach the terminal as a command.
    let facts = format!(
        "{} {}  {}  {}  attempt {}",
        received.method,
        received.path,
        received.header("x-webhook-event"),
        received.header("x-webhook-event-id"),
        received.header("x-webhook-attempt"),
    );
    let facts = harmless(&facts);
    let body = match raw {
        true => harmless(&String::from_utf8_lossy(&received.body)),
        false => pretty(&received.body),
    };
    let answer = received.answer.as_u16();
    format!(
        "\n{} {}\n{verdict}, answered {answer}\n{body}",
        format!("#{count}").dimmed(),
        facts.bold()
    )
}
