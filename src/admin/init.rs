//! `walhook init`: brings a database to what the configuration needs, or prints how.

use crate::config::dsn::Dsn;
use crate::store::schema::{self, Applied, Installation, Line, Observed};
use crate::store::{Session, StoreError, chain};

/// Installs or upgrades the schema, the publication and the slot, and says each step to `say`.
/// Safe beside a running daemon and beside another `init`.
///
/// # Errors
///
/// [`StoreError`] when the server cannot be reached or the session breaks. What PostgreSQL
/// refuses is counted as left undone.
pub async fn install(
    dsn: &Dsn,
    installation: &Installation,
    say: &mut (dyn FnMut(Line) + Send),
) -> Result<Applied, StoreError> {
    let session = Session::connect(dsn).await?;
    session.lock_installation(say).await?;
    let observed = session.observe(installation).await?;
    session.apply(&schema::plan(&observed, installation), say).await
}

/// The SQL that would bring the database there, as a script for psql. Where the database cannot
/// be reached it is the script for a fresh one, and says so.
///
/// # Errors
///
/// [`StoreError`] when the database can be reached and a look at it fails.
pub async fn script(dsn: &Dsn, installation: &Installation) -> Result<String, StoreError> {
    let session = match Session::connect(dsn).await {
        Ok(session) => session,
        Err(error) => return Ok(offline_script(installation, &error)),
    };
    let observed = session.observe(installation).await?;
    let steps = schema::plan(&observed, installation);
    let server = &observed.server;
    let head =
        format!("-- walhook init for the database {} as {}\n\n", server.database, server.role);
    Ok(head + &schema::print(&steps))
}

fn offline_script(installation: &Installation, error: &StoreError) -> String {
    let mut script = format!(
        "-- walhook init for a fresh database; this one could not be looked at:\n-- {}\n\n",
        chain(error).replace('\n', " ")
    );
    for schema in &installation.schemas {
        let line =
            format!("-- and each table of the schema {schema}, which only the database knows\n");
        script.push_str(&line);
    }
    script.push_str(&schema::print(&schema::plan(&Observed::fresh(installation), installation)));
    script
}
