//! The small sections: `[payload]`, `[delivery]`, `[security]`, `[ops]`, `[retention]`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::endpoint::Settings;
use super::filter::Labels;
use super::identifier::{self, FunctionName};
use super::reader::Problem;
use super::table::Table;
use super::value::Value;
use crate::secret::Secret;

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEPT: RangeInclusive<Duration> = DAY..=Duration::from_secs(3650 * 24 * 3600);
const GRACE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const MEBIBYTE: usize = 1024 * 1024;
/// PostgreSQL's own limit of a value is 1 GB; below 1 KB not even the key columns may fit.
const EVENT_BYTES: RangeInclusive<i64> = 1024..=1024 * 1024 * 1024;
const MOST_CIDRS: usize = 1000;

/// How payloads are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// How int8 is written.
    pub int8: Int8,
    /// Whether payloads say where a change stood in the WAL.
    pub include_source: bool,
}

/// How int8 is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int8 {
    /// As a JSON string, which keeps every digit in every language.
    String,
    /// As a JSON number.
    Number,
}

/// How deliveries are made, beside what each endpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes that all lanes together may hold.
    pub memory_budget: usize,
    /// How long requests in flight may take after SIGTERM.
    pub shutdown_grace: Duration,
    /// What to do when the slot has lost changes.
    pub on_gap: OnGap,
    /// Larger events keep their key columns only.
    pub max_event_bytes: usize,
    /// Whether the log keeps bodies of successful deliveries.
    pub log_payload: LogPayload,
    /// The function that is called with deliveries that finally failed.
    pub failure_callback: Option<FunctionName>,
}

/// What to do when the slot has lost changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnGap {
    /// Alert and go on.
    Continue,
    /// Alert and wait for `init`.
    Stop,
}

/// Which bodies the log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPayload {
    /// All.
    Always,
    /// Those of deliveries that failed.
    Failed,
}

/// What may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// http as well as https.
    pub allow_http: bool,
    /// Private ranges that may be called.
    pub allow_cidrs: Vec<IpNet>,
}

/// The port for operators: health, metrics, the web page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ops {
    /// Where it listens; `None` is off.
    pub listen: Option<SocketAddr>,
    /// Bearer token; there is one if `listen` is not on loopback.
    pub token: Option<Secret>,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Log rows of deliveries that succeeded.
    pub succeeded: Duration,
    /// Log rows of deliveries that failed.
    pub failed: Duration,
    /// Events of paused or disabled endpoints.
    pub held: Duration,
    /// Most bytes of a response body in the log.
    pub response_body_bytes: usize,
}

pub(super) fn read_payload(root: &mut Table<'_>) -> Option<Payload> {
    root.optional("payload", |value| {
        value.table(|table| {
            let words = [("string", Int8::String), ("number", Int8::Number)];
            let int8 = table.optional("int8", |value| value.one_of(&words));
            let include_source = table.optional("include_source", |value| value.boolean());
            Some(Payload { int8: int8?, include_source: include_source? })
        })
    })
}

/// `[delivery]`: the defaults of endpoints, and what is not any endpoint's. The first are there
/// even if a fault was kept, so that endpoints can be read.
pub(super) fn read_delivery(
    root: &mut Table<'_>,
    labels: &Labels,
    allow_http: bool,
) -> (Settings, Option<Delivery>) {
    let mut settings = Settings::placeholder();
    let delivery = root.optional("delivery", |value| {
        value.table(|table| {
            let max_event_bytes =
                table.optional("max_event_bytes", |value| value.integer(EVENT_BYTES));
            let largest = max_event_bytes.unwrap_or(*EVENT_BYTES.end() as usize);
            settings = Settings::read(table, &settings, (labels, allow_http, largest));
            let megabytes: Option<usize> =
                table.optional("memory_budget_mb", |value| value.integer(1..=65_536));
            let shutdown_grace = table.optional("shutdown_grace", |value| value.duration(GRACE));
            let gaps = [("continue", OnGap::Continue), ("stop", OnGap::Stop)];
            let on_gap = table.optional("on_gap", |value| value.one_of(&gaps));
            let kept = [("always", LogPayload::Always), ("failed", LogPayload::Failed)];
            let log_payload = table.optional("log_payload", |value| value.one_of(&kept));
            let failure_callback = read_callback(table);
            Some(Delivery {
                memory_budget: megabytes? * MEBIBYTE,
                shutdown_grace: shutdown_grace?,
                on_gap: on_gap?,
                max_event_bytes: max_event_bytes?,
                log_payload: log_payload?,
                failure_callback: failure_callback?,
            })
        })
    });
    (settings, delivery)
}

/// `on_failure` and `failure_callback`, which mean something together.
fn read_callback(table: &mut Table<'_>) -> Option<Option<FunctionName>> {
    let calls =
        table.optional("on_failure", |value| value.one_of(&[("log", false), ("callback", true)]));
    let function = table.optional("failure_callback", identifier::function_name);
    match (calls?, function?) {
        (true, None) => table.refuse_at(
            "on_failure",
            Problem::new("no function is named", "failure_callback = \"public.tell\" beside it"),
        ),
        (calls, function) => Some(function.filter(|_| calls)),
    }
}

/// `[security]`; a faulty one reads as the strictest.
pub(super) fn read_security(root: &mut Table<'_>) -> Security {
    let read = |value: &Value<'_>| {
        value.table(|table| {
            Some(Security {
                allow_http: table.read("allow_http", |value| value.boolean(), false),
                allow_cidrs: table.read(
                    "allow_cidrs",
                    |value| value.list(MOST_CIDRS, read_cidr),
                    Vec::new(),
                ),
            })
        })
    };
    root.read("security", read, Security::default())
}

fn read_cidr(value: &Value<'_>) -> Option<IpNet> {
    let text = value.word()?;
    let refuse = |problem: &str, fix: &str| {
        value.refuse(
            Problem::new(problem, value.assignment(&format!("\"{fix}\""))).given(value.given()),
        )
    };
    match (text.parse::<IpNet>(), text.parse::<std::net::IpAddr>()) {
        (Ok(net), _) if net.addr() == net.network() => Some(net),
        (Ok(net), _) => refuse("bits are set beyond the prefix", &net.trunc().to_string()),
        (_, Ok(address)) => {
            refuse("the prefix length is missing", &IpNet::from(address).to_string())
        }
        _ => refuse("not a range of addresses", "127.0.0.0/8"),
    }
}

pub(super) fn read_ops(root: &mut Table<'_>) -> Option<Ops> {
    root.optional("ops", |value| {
        value.table(|table| {
            let listen = table.optional("listen", read_listen);
            let token = table.read("token", read_token, None);
            let exposed = listen.flatten().is_some_and(|address| !address.ip().is_loopback());
            if exposed && token.is_none() {
                let fix = "token = \"${WALHOOK_TOKEN}\" in [ops], or listen = \"127.0.0.1:9090\"";
                return table.refuse_at(
                    "listen",
                    Problem::new("a token is required where others can connect", fix),
                );
            }
            Some(Ops { listen: listen?, token })
        })
    })
}

/// An address and port; empty is off.
pub(super) fn read_listen(value: &Value<'_>) -> Option<Option<SocketAddr>> {
    let text = value.text()?;
    if text.is_empty() {
        return Some(None);
    }
    match text.parse() {
        Ok(address) => Some(Some(address)),
        Err(_) => {
            let port =
                text.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(9090u16);
            value.refuse(
                Problem::new(
                    "not an address and port",
                    value.assignment(&format!("\"127.0.0.1:{port}\"")),
                )
                .given(value.given())
                .allowed("IP:PORT as in 127.0.0.1:9090 or [::1]:9090, or \"\" for off"),
            )
        }
    }
}

fn read_token(value: &Value<'_>) -> Option<Option<Secret>> {
    if value.is_empty_text() {
        return Some(None);
    }
    let token = value.secret()?;
    match token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        true => Some(Some(token)),
        false => value.refuse(Problem::new(
            "not a bearer token",
            "take visible ASCII characters, without spaces",
        )),
    }
}

/// `[retention]`, and in it how long the receiver keeps what came.
pub(super) fn read_retention(root: &mut Table<'_>) -> Option<(Retention, Duration)> {
    root.optional("retention", |value| {
        value.table(|table| {
            let succeeded = table.optional("succeeded", |value| value.duration(KEPT));
            let failed = table.optional("failed", |value| value.duration(KEPT));
            let held = table.optional("held", |value| value.duration(KEPT));
            let inbound = table.optional("inbound", |value| value.duration(KEPT));
            let bytes =
                table.optional("response_body_bytes", |value| value.integer(0..=MEBIBYTE as i64));
            let retention = Retention {
                succeeded: succeeded?,
                failed: failed?,
                held: held?,
                response_body_bytes: bytes?,
            };
            Some((retention, inbound?))
        })
    })
}
