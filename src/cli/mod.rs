//! The command line: what may be said, and which room answers.
//!
//! Each command lives in a file of its own, with its flags and one function. What a command does
//! is done elsewhere; here it is read from flags and written to the terminal.

mod check;
mod demo;
mod failure;
mod flags;
mod init;
mod listen;
mod logging;
mod preset;
mod recording;
mod run;
mod sign;
mod status;
mod tail;
mod verify;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use demo::StartDemo;
pub use failure::Failure;
pub use run::StartDaemon;

/// Committed PostgreSQL changes as signed, ordered, logged webhooks.
#[derive(Debug, Parser)]
#[command(name = "walhook", version, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    common: flags::Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch rows of a throwaway PostgreSQL arrive as signed webhooks
    Demo(demo::Flags),
    /// Install or upgrade the schema, the publication and the slot
    Init(init::Flags),
    /// Validate the configuration and the database, without changing either
    Check,
    /// Run the daemon
    Run,
    /// Show the slot's lag, each endpoint's state, the backlog and the last error
    Status(status::Flags),
    /// Follow deliveries as they happen
    Tail(tail::Flags),
    /// Receive webhooks for development: verify them, print them, answer
    Listen(listen::Flags),
    /// Sign a body read from standard input
    Sign(sign::Flags),
    /// Check the signature of a body read from standard input, or of a recorded request
    Verify(Box<verify::Flags>),
}

/// What is left to do by others once the command line has been read.
#[derive(Debug)]
pub enum Task {
    /// Nothing.
    Done,
    /// Run the daemon.
    Daemon(Box<StartDaemon>),
    /// Run the demo.
    Demo(StartDemo),
}

/// Reads the command line and does what it says, as far as this room can.
///
/// # Errors
/// When it could not be done; the failure knows its exit code and its text.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, Failure> {
    let CommandLine { common, command } =
        CommandLine::try_parse_from(arguments).map_err(Failure::Usage)?;
    // The demo tells its own story; the daemon in it speaks up only if something is wrong.
    let level = if matches!(command, Command::Demo(_)) { "warn" } else { "info" };
    logging::start(common.log_format, level)?;
    let done = match command {
        Command::Demo(flags) => return Ok(Task::Demo(flags.into())),
        Command::Init(flags) => init::run(&common, &flags),
        Command::Check => check::run(&common),
        Command::Run => return run::read(common).map(|start| Task::Daemon(Box::new(start))),
        Command::Status(flags) => status::run(&common, &flags),
        Command::Tail(flags) => tail::run(&common, &flags),
        Command::Listen(flags) => listen::run(&flags),
        Command::Sign(flags) => sign::run(&flags),
        Command::Verify(flags) => verify::run(&flags),
    };
    done.or_else(Failure::unless_nobody_reads).map(|()| Task::Done)
}

/// Runs `future` on a runtime of its own, for the commands that wait for the network.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Failure::failed)?.block_on(future)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_secret_in_the_environment_is_not_shown_by_help() {
        for name in ["listen", "sign", "verify"] {
            let mut command = CommandLine::command();
            let help = command.find_subcommand_mut(name).unwrap().render_long_help().to_string();
            assert!(help.contains("WALHOOK_SECRET"), "{help}");
            assert!(!help.contains("WALHOOK_SECRET="), "{help}");
        }
    }
}
