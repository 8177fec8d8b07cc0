//! `walhook status`.

use std::io::Write;

use clap::Args;

use super::failure::{Failure, Output};
use super::flags::Common;
use super::run::load;
use crate::admin::status;
use crate::config::dsn::Dsn;

/// Flags of `walhook status`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// One JSON object in place of the summary
    #[arg(long)]
    json: bool,
}

/// Prints how the slot and each endpoint are doing.
pub(super) fn run(common: &Common, flags: &Flags) -> Result<(), Failure> {
    let config = load(common)?;
    let dsn = Dsn::parse(config.database.url.expose());
    let dsn = dsn.map_err(|error| Failure::configuration("database.url", error))?;
    let looked = super::block_on(async {
        status::status(&dsn, &config.database.slot).await.map_err(|error| {
            match error.is_missing_schema() {
                true => Failure::failed("the schema walhook is not installed: run `walhook init`"),
                false => Failure::failed(error),
            }
        })
    })?;
    let text = match flags.json {
        true => serde_json::to_string(&looked).map_err(Failure::failed)? + "\n",
        false => looked.table(),
    };
    write!(anstream::stdout(), "{text}").map_err(Output::from)?;
    Ok(())
}
