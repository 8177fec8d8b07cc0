//! `walhook check`: every fault of configuration and database at once, each with its exact fix.
//!
//! Facts are gathered first, in a session that PostgreSQL holds to changing nothing; the checks
//! are small, independent of each other, and judge facts only.

mod callbacks;
mod conditions;
mod endpoints;
mod facts;
mod fields;
mod inbound;
mod placed;
mod publication;
mod server;
mod slot;
mod tables;

use crate::config::{self, Config, Severity};
use crate::store::chain;
use facts::Facts;

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the configuration, in the order of the checks.
    pub configuration: Vec<config::Fault>,
    /// In the database.
    pub database: Vec<DatabaseFault>,
}

/// Something that is wrong in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFault {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, as in `table public.orders`.
    pub object: String,
    /// What is wrong.
    pub problem: String,
    /// What to do: SQL, TOML or a command, perhaps in several lines.
    pub fix: String,
}

impl Report {
    /// 0 when nothing is wrong, 1 for faults in the database, 2 for faults in the configuration.
    /// Warnings are not faults.
    pub fn exit_code(&self) -> u8 {
        if self.configuration.iter().any(|fault| fault.severity == Severity::Error) {
            2
        } else {
            u8::from(self.database.iter().any(|fault| fault.severity == Severity::Error))
        }
    }

    fn error(&mut self, object: impl Into<String>, problem: impl Into<String>, fix: &str) {
        self.in_database(Severity::Error, object.into(), problem.into(), fix);
    }

    fn warning(&mut self, object: impl Into<String>, problem: impl Into<String>, fix: &str) {
        self.in_database(Severity::Warning, object.into(), problem.into(), fix);
    }

    fn in_database(&mut self, severity: Severity, object: String, problem: String, fix: &str) {
        self.database.push(DatabaseFault { severity, object, problem, fix: fix.to_owned() });
    }
}

type Check = fn(&Facts<'_>, &mut Report);

const CHECKS: &[Check] = &[
    server::version,
    server::wal_level,
    server::slots,
    server::senders,
    server::rights,
    server::output_plugins,
    server::retention,
    server::lazy_commits,
    server::schema,
    publication::exists,
    publication::options,
    publication::operations,
    publication::own_tables,
    publication::strangers,
    publication::identities,
    publication::filters,
    tables::exist,
    tables::fill_schemas,
    tables::are_published,
    tables::keep_old_values,
    slot::exists,
    slot::is_ours,
    slot::is_usable,
    slot::follows_publication,
    slot::checkpoint,
    fields::labels,
    fields::columns,
    fields::user_columns,
    fields::sensitive,
    conditions::fit,
    inbound::mappings,
    inbound::handlers,
    callbacks::exist,
];

/// Looks at everything.
pub async fn check(config: &Config) -> Report {
    let configuration = config.warnings.clone();
    let mut report = Report { configuration, ..Report::default() };
    endpoints::clients(config, &mut report);
    endpoints::addresses(config, &mut report).await;
    match facts::gather(config).await {
        Ok(facts) => CHECKS.iter().for_each(|check| check(&facts, &mut report)),
        Err(facts::Blocked::Dsn(error)) => {
            let fault = config.places.fault_at(
                "database.url",
                chain(&error),
                "url = \"postgres://user@host:5432/database\"",
            );
            report.configuration.push(fault);
        }
        Err(facts::Blocked::Store(error)) => {
            let fix = "let database.url name a server that answers and a role that may connect and \
                       read the schema walhook";
            report.error("database", chain(&error), fix);
        }
    }
    report
}
