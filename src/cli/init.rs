//! `walhook init`.

use std::io::Write;

use clap::Args;
use owo_colors::OwoColorize;

use super::failure::{Failure, Output};
use super::flags::Common;
use super::run::load;
use crate::admin::init;
use crate::config::dsn::Dsn;
use crate::store::schema::{Line, Mark};

/// Flags of `walhook init`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Print the SQL and run nothing
    #[arg(long)]
    print: bool,
}

/// Installs the schema, the publication and the slot, or prints how.
pub(super) fn run(common: &Common, flags: &Flags) -> Result<(), Failure> {
    let config = load(common)?;
    let dsn = Dsn::parse(config.database.url.expose())
        .map_err(|error| Failure::configuration("database.url", error))?;
    let installation = init::installation(&config);
    super::block_on(async {
        if flags.print {
            let script = init::script(&dsn, &installation).await.map_err(Failure::failed)?;
            write!(anstream::stdout(), "{script}").map_err(Output::from)?;
            return Ok(());
        }
        // A terminal that has gone away is no reason to stop half-way.
        let mut say = |line: Line| drop(writeln!(anstream::stdout(), "{}", describe(&line)));
        let applied = init::install(&dsn, &installation, &mut say).await;
        match applied.map_err(Failure::failed)?.left {
            0 => Ok(()),
            _ => Err(Failure::Reported(1)),
        }
    })
}

fn describe(line: &Line) -> String {
    let Line { mark, subject, text, fix } = line;
    let mark = match mark {
        Mark::Done => "+".green().to_string(),
        Mark::Already => "=".dimmed().to_string(),
        Mark::Waiting => "…".dimmed().to_string(),
        Mark::Left => "!".red().to_string(),
    };
    let mut said = format!("{mark} {subject}: {text}");
    for line in fix.iter().flat_map(|fix| fix.lines()) {
        said.push_str("\n    ");
        said.push_str(line);
    }
    said
}
