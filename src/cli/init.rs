//! `walhook init`.

use std::io::Write;

use clap::Args;

use super::failure::{Failure, Output};
use super::flags::Common;
use crate::admin::{init, installation};
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
    let config = super::run::load(common)?;
    let wanted = installation::installation(&config);
    let dsn = &config.database.dsn;
    super::block_on(async {
        if flags.print {
            let script = init::script(dsn, &wanted).await.map_err(Failure::failed)?;
            return Ok(write!(anstream::stdout(), "{script}").map_err(Output::from)?);
        }
        let applied = init::install(dsn, &wanted, &mut say).await.map_err(Failure::failed)?;
        if applied.left > 0 { Err(Failure::Reported(1)) } else { Ok(()) }
    })
}

fn say(line: Line) {
    let mark = match line.mark {
        Mark::Done => "done",
        Mark::Already => "there",
        Mark::Waiting => "wait",
        Mark::Left => "LEFT",
    };
    // Nobody reading does not stop an installation half-way.
    let _ = writeln!(anstream::stdout(), "{mark:>5}  {}: {}", line.subject, line.text);
    if let Some(fix) = line.fix {
        let _ = writeln!(anstream::stdout(), "       fix: {}", fix.replace('\n', "\n            "));
    }
}
