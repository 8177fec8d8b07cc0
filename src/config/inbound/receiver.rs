//! `[inbound]` itself: what holds for every source.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::super::reader::Problem;
use super::super::retry;
use super::super::sections::read_listen;
use super::super::table::Table;
use super::super::value::Value;
use super::source::{self, Shared, read_body_limit};
use super::{ErrorAlert, Inbound, LogRejections, Source};

const MOST_SOURCES: usize = 1000;
/// 0 is never.
const COUNT: RangeInclusive<i64> = 0..=1_000_000_000;
const WINDOW: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
const LOGGED: [(&str, LogRejections); 2] =
    [("sampled", LogRejections::Sampled), ("all", LogRejections::All)];

/// Reads `[inbound]`. Without a source nothing listens. What other sections say of it is missing.
pub(in crate::config) fn read(root: &mut Table<'_>, ops: Option<SocketAddr>) -> Option<Inbound> {
    root.optional("inbound", |value| {
        value.table(|table| {
            let listen = table.optional("listen", read_listen);
            let max_body_bytes = table.optional("max_body_bytes", read_body_limit);
            let log_rejections = table.optional("log_rejections", |value| value.one_of(&LOGGED));
            let retry = table.optional("retry", |value| retry::read_delays(value, &retry::none()));
            let shared = Shared {
                max_body_bytes: max_body_bytes.unwrap_or(1),
                retry: retry.unwrap_or_else(retry::none),
            };
            let sources = table.read("sources", |value| read_sources(value, &shared), Vec::new());
            let listen = listen?;
            if let Some(value) = table.value_of("listen").filter(|_| listen.is_none()) {
                warn_of_silence(&value, &sources);
            }
            let listen = listen.filter(|_| !sources.is_empty());
            if listen.is_some() && listen == ops && listen.is_some_and(|at| at.port() != 0) {
                let problem = "[ops] listens there";
                let fix = "listen = \"127.0.0.1:8080\", or another free port";
                return table.refuse_at("listen", Problem::new(problem, fix));
            }
            Some(Inbound { listen, log_rejections: log_rejections?, sources, ..Inbound::default() })
        })
    })
}

/// Reads `[alerts] inbound_errors`.
pub(in crate::config) fn read_error_alert(value: &Value<'_>) -> Option<ErrorAlert> {
    value.table(|table| {
        let count = table.optional("count", |value| value.integer(COUNT));
        let window = table.optional("window", |value| value.duration(WINDOW));
        Some(ErrorAlert { count: count?, window: window? })
    })
}

fn warn_of_silence(listen: &Value<'_>, sources: &[Arc<Source>]) {
    if !sources.is_empty() {
        listen.warn_at_key(Problem::new(
            "there are sources, but nothing listens",
            "listen = \"127.0.0.1:8080\"",
        ));
    }
}

fn read_sources(value: &Value<'_>, shared: &Shared) -> Option<Vec<Arc<Source>>> {
    value.table(|table| {
        let mut sources = Vec::new();
        for (name, value) in table.members() {
            sources.extend(source::read(name, &value, shared).map(Arc::new));
        }
        match sources.len() <= MOST_SOURCES {
            true => Some(sources),
            false => table.value().refuse(
                Problem::new(format!("{} sources", sources.len()), "leave some out")
                    .allowed(format!("at most {MOST_SOURCES}")),
            ),
        }
    })
}
