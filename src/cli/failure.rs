//! How a command ends when it does not end well: one text for people, one code for scripts.

use std::error::Error;
use std::io::{self, Write};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line makes no sense, or asks for help or the version.
    #[error(transparent)]
    Usage(clap::Error),
    /// A flag's value, or the configuration, is not usable.
    #[error("{0}")]
    Configuration(String, #[source] Option<Cause>),
    /// It was tried and went wrong.
    #[error(transparent)]
    Failed(Cause),
    /// What is wrong has been printed in full by the command itself; this is the exit code.
    #[error("see above")]
    Reported(u8),
}

type Cause = Box<dyn Error + Send + Sync>;

impl Failure {
    /// Something that was tried and went wrong.
    pub(super) fn failed(cause: impl Into<Cause>) -> Self {
        Self::Failed(cause.into())
    }

    /// A value that cannot be used, with what it was for.
    pub(super) fn configuration(what: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Configuration(what.into(), Some(cause.into()))
    }

    /// The exit code: 1 failed, 2 usage or configuration error.
    pub fn exit_code(&self) -> u8 {
        match self {
            // Help and version are errors to clap, with the code 0.
            Self::Usage(usage) => u8::try_from(usage.exit_code()).unwrap_or(2),
            Self::Configuration(..) => 2,
            Self::Failed(_) => 1,
            Self::Reported(code) => *code,
        }
    }

    /// Says what happened, to people. A terminal that has gone away is not worth a word.
    pub fn report(&self) {
        let _ = match self {
            Self::Usage(usage) => usage.print(),
            Self::Reported(_) => Ok(()),
            Self::Configuration(..) | Self::Failed(_) => self.print_chain(),
        };
    }

    fn print_chain(&self) -> io::Result<()> {
        let mut text = format!("walhook: {self}");
        let mut source = self.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        writeln!(anstream::stderr(), "{text}")
    }

    /// A reader that has seen enough (`walhook tail | head`) is a success.
    pub(super) fn unless_nobody_reads(self) -> Result<(), Self> {
        let mut cause: Option<&(dyn Error + 'static)> = match &self {
            Self::Failed(cause) => Some(cause.as_ref()),
            _ => None,
        };
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if kind == Some(io::ErrorKind::BrokenPipe) {
                return Ok(());
            }
            cause = error.source();
        }
        Err(self)
    }
}

impl From<Output> for Failure {
    fn from(output: Output) -> Self {
        Self::failed(output)
    }
}

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write to standard output")]
pub(super) struct Output(#[from] io::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_a_success_and_nothing_else_is() {
        let write = |kind| Failure::from(Output(io::Error::from(kind))).unless_nobody_reads();
        assert!(write(io::ErrorKind::BrokenPipe).is_ok());
        assert!(write(io::ErrorKind::StorageFull).is_err());
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let cause = || io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(Failure::failed(cause()).exit_code(), 1);
        assert_eq!(Failure::configuration("config.toml", cause()).exit_code(), 2);
        assert_eq!(Failure::Reported(2).exit_code(), 2);
    }
}
