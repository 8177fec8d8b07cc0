//! Inbound sources: mappings that do not fit their table, and handlers that cannot run.

use super::Report;
use super::facts::Facts;
use crate::config::written_key;

/// An `into` is a promise about a table: each row that PostgreSQL would refuse is a failed event.
pub(super) fn mappings(facts: &Facts<'_>, report: &mut Report) {
    for (source, fault) in &facts.mapping_faults {
        let key = match fault.key.split_once('.') {
            Some((list, member)) => format!("{list}.{}", written_key(member)),
            None => fault.key.clone(),
        };
        let key = format!("inbound.sources.{}.into.{key}", written_key(source));
        let fault = facts.config.places.fault_at(&key, &fault.problem, &fault.fix);
        report.configuration.push(fault);
    }
}

pub(super) fn handlers(facts: &Facts<'_>, report: &mut Report) {
    let sources = &facts.config.inbound.sources;
    for handler in &facts.handlers {
        let object = format!("handler {} of {}", handler.function, handler.source);
        let call = |function: &str, argument: &str| {
            let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
            let arguments = [&handler.source, &handler.pattern, argument].map(quoted).join(", ");
            format!("{function}({arguments})")
        };
        let off = call("walhook.off_inbound", &handler.function);
        match &handler.owner_now {
            None => {
                let problem = "there is no such function: its events fail";
                let fix = format!("create it again, or select {off};");
                report.error(&object, problem, &fix);
            }
            Some(now) if *now != handler.owner => {
                let problem = format!(
                    "the function belongs to {now}, not to {} as when it was registered: its \
                     events fail",
                    handler.owner
                );
                let on = call("walhook.on_inbound", &handler.function);
                report.error(&object, problem, &format!("select {on};"));
            }
            Some(_) => {}
        }
        if !sources.iter().any(|source| source.name == handler.source) {
            let problem = format!("no source is called {}", handler.source);
            let fix = format!("add [inbound.sources.{}], or select {off};", handler.source);
            report.warning(&object, problem, &fix);
        }
    }
}
