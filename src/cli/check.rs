//! `walhook check`.

use std::io::Write;

use owo_colors::OwoColorize;

use super::failure::{Failure, Output};
use super::flags::Common;
use crate::admin::check::{self, DatabaseFault, Report};
use crate::config::{Config, Environment, Severity};

/// Prints every fault of configuration and database; exit code 1 for the latter, 2 for the former.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let config = match Config::load(Some(&common.config), &Environment::of_process()) {
        Ok(config) => config,
        Err(faults) => {
            writeln!(anstream::stdout(), "{}", faults.styled()).map_err(Output::from)?;
            return Err(Failure::Reported(2));
        }
    };
    super::block_on(async {
        let report = check::check(&config).await;
        writeln!(anstream::stdout(), "{}", describe(&report)).map_err(Output::from)?;
        match report.exit_code() {
            0 => Ok(()),
            code => Err(Failure::Reported(code)),
        }
    })
}

fn describe(report: &Report) -> String {
    let configuration = report.configuration.iter().map(|fault| (fault.severity, fault.styled()));
    let database = report.database.iter().map(|fault| (fault.severity, describe_fault(fault)));
    let all: Vec<(Severity, String)> = configuration.chain(database).collect();
    let errors = all.iter().filter(|(severity, _)| *severity == Severity::Error).count();
    let warnings = all.len() - errors;
    let mut texts: Vec<String> = all.into_iter().map(|(_, text)| text).collect();
    texts.push(match (errors, warnings) {
        (0, 0) => "configuration and database are in order".green().to_string(),
        (0, warnings) => format!("no faults, {}", count(warnings, "warning")).green().to_string(),
        (errors, 0) => count(errors, "fault").red().to_string(),
        (errors, warnings) => {
            let text = format!("{}, {}", count(errors, "fault"), count(warnings, "warning"));
            text.red().to_string()
        }
    });
    texts.join("\n\n")
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn describe_fault(fault: &DatabaseFault) -> String {
    let DatabaseFault { severity, object, problem, fix } = fault;
    let word = match severity {
        Severity::Error => "error".red().bold().to_string(),
        Severity::Warning => "warning".yellow().bold().to_string(),
    };
    let fix = fix.replace('\n', "\n       ");
    format!("{word}: {} {problem}\n  {} {fix}", object.bold(), "fix:".bold())
}
