//! `[[endpoints]]`, and the same keys in `[delivery]` as their defaults.
//!
//! A key that an endpoint gives replaces the default whole; inside `retry` each key by itself.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::application::{self, Application};
use super::filter::Labels;
use super::reader::Problem;
use super::table::{Table, closest};
use super::value::Value;
use super::{auth, condition, filter, headers, retry, signature, target, transform};
use crate::condition::Condition;
use crate::endpoint::{
    Auth, Endpoint, EndpointId, Filter, Method, Ordering, Profile, Reach, RetryPolicy, TlsFiles,
};
use crate::lsn::Lsn;
use crate::secret::Secret;
use crate::template::Template;

const MOST_ENDPOINTS: usize = 10_000;
const LONGEST_NAME_BYTES: usize = 63;
/// All endpoints together have 512 connections.
const IN_FLIGHT: RangeInclusive<i64> = 1..=512;
const RATE: RangeInclusive<i64> = 0..=1_000_000;
const FAILURES: RangeInclusive<i64> = 1..=1_000_000;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const REST: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
const FAILING: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(365 * 24 * 3600);
const MOST_STEPS: usize = 20;

const METHODS: [(&str, Method); 3] =
    [("POST", Method::Post), ("PUT", Method::Put), ("PATCH", Method::Patch)];
const ORDERINGS: [(&str, Ordering); 3] =
    [("key", Ordering::Key), ("endpoint", Ordering::Endpoint), ("none", Ordering::None)];

/// What an endpoint may leave to `[delivery]`.
#[derive(Clone)]
pub(super) struct Settings {
    application: String,
    method: Method,
    enabled: bool,
    secrets: Vec<Secret>,
    signature: Vec<Profile>,
    filter: Filter,
    transform: Option<Template>,
    condition: Option<Condition>,
    headers: Vec<(String, Secret)>,
    auth: Option<Auth>,
    tls: TlsFiles,
    timeout: Duration,
    retry: RetryPolicy,
    ordering: Ordering,
    max_in_flight: usize,
    rate_limit_per_second: u32,
    failure_rest: Vec<Duration>,
    alert_after: Vec<u32>,
    disable_after: u32,
    disable_min_duration: Duration,
}

impl Settings {
    /// What stands where even `[delivery]` has a fault, so that the reading can go on.
    pub(super) fn placeholder() -> Self {
        Self {
            application: application::DEFAULT.to_owned(),
            method: Method::Post,
            enabled: true,
            secrets: Vec::new(),
            signature: Vec::new(),
            filter: Filter::default(),
            transform: None,
            condition: None,
            headers: Vec::new(),
            auth: None,
            tls: TlsFiles::default(),
            timeout: *TIMEOUT.end(),
            retry: retry::none(),
            ordering: Ordering::Key,
            max_in_flight: 1,
            rate_limit_per_second: 0,
            failure_rest: vec![*REST.end()],
            alert_after: Vec::new(),
            disable_after: 0,
            disable_min_duration: Duration::ZERO,
        }
    }

    /// Reads the keys that an endpoint and `[delivery]` share.
    pub(super) fn read(
        table: &mut Table<'_>,
        base: &Self,
        (labels, allow_http, max_event_bytes): (&Labels, bool, usize),
    ) -> Self {
        let signature = table.read("signature", signature::read_profiles, base.signature.clone());
        let secrets = table.read(
            "secrets",
            |value| signature::read_secrets(value, &signature),
            base.secrets.clone(),
        );
        let failures = |value: &Value<'_>| {
            let mut counts = value.list(MOST_STEPS, |count| count.integer(FAILURES))?;
            counts.sort_unstable();
            counts.dedup();
            Some(counts)
        };
        Self {
            application: table.read("application", |value| value.word(), base.application.clone()),
            method: table.read("method", |value| value.one_of(&METHODS), base.method),
            enabled: table.read("enabled", |value| value.boolean(), base.enabled),
            secrets,
            signature,
            filter: filter::read(table, &base.filter, labels),
            transform: table.read(
                "transform",
                |value| transform::read(value, max_event_bytes),
                base.transform.clone(),
            ),
            condition: table.read("condition", condition::read, base.condition.clone()),
            headers: table.read("headers", headers::read, base.headers.clone()),
            auth: table.read("auth", |value| auth::read(value, allow_http), base.auth.clone()),
            tls: table.read("tls", target::read_tls, base.tls.clone()),
            timeout: table.read("timeout", |value| value.duration(TIMEOUT), base.timeout),
            retry: table.read("retry", |value| retry::read(value, &base.retry), base.retry.clone()),
            ordering: table.read("ordering", |value| value.one_of(&ORDERINGS), base.ordering),
            max_in_flight: table.read(
                "max_in_flight",
                |value| value.integer(IN_FLIGHT),
                base.max_in_flight,
            ),
            rate_limit_per_second: table.read(
                "rate_limit_per_second",
                |value| value.integer(RATE),
                base.rate_limit_per_second,
            ),
            failure_rest: table.read("failure_rest", read_rest, base.failure_rest.clone()),
            alert_after: table.read("alert_after", failures, base.alert_after.clone()),
            disable_after: table.read(
                "disable_after",
                |value| value.integer(0..=*FAILURES.end()),
                base.disable_after,
            ),
            disable_min_duration: table.read(
                "disable_min_duration",
                |value| value.duration(FAILING),
                base.disable_min_duration,
            ),
        }
    }

    fn endpoint(self, name: String, url: url::Url, reach: Reach) -> Endpoint {
        Endpoint {
            id: id_of(&name),
            name,
            application: self.application,
            reach,
            is_faulty: false,
            active_from: Lsn(0),
            url,
            method: self.method,
            enabled: self.enabled,
            secrets: self.secrets,
            signature: self.signature,
            filter: self.filter,
            transform: self.transform,
            condition: self.condition,
            headers: self.headers,
            auth: self.auth,
            tls: self.tls,
            timeout: self.timeout,
            retry: self.retry,
            ordering: self.ordering,
            max_in_flight: self.max_in_flight,
            rate_limit_per_second: self.rate_limit_per_second,
            failure_rest: self.failure_rest,
            alert_after: self.alert_after,
            disable_after: self.disable_after,
            disable_min_duration: self.disable_min_duration,
        }
    }
}

/// What every endpoint is read under.
pub(super) struct Shared<'a> {
    pub(super) defaults: &'a Settings,
    pub(super) applications: &'a [Application],
    pub(super) labels: &'a Labels,
    pub(super) allow_http: bool,
    pub(super) max_event_bytes: usize,
}

/// Reads every `[[endpoints]]`.
pub(super) fn read(root: &mut Table<'_>, shared: &Shared<'_>) -> Vec<Endpoint> {
    let Some(value) = root.value_of("endpoints") else { return Vec::new() };
    if !value.is_list() {
        let fix = "begin each endpoint with [[endpoints]] in config.toml";
        value.refuse_key::<()>(Problem::new("endpoints are a list", fix));
        return Vec::new();
    }
    let names = RefCell::new(HashSet::new());
    let read_one = |value: &Value<'_>| read_endpoint(value, shared, &names);
    value.list(MOST_ENDPOINTS, read_one).unwrap_or_default()
}

pub(super) fn read_endpoint(
    value: &Value<'_>,
    shared: &Shared<'_>,
    names: &RefCell<HashSet<String>>,
) -> Option<Endpoint> {
    value.table(|table| {
        let name = table.required("name", "name = \"crm\"", |value| {
            let name = read_name(value)?;
            match names.borrow_mut().insert(name.clone()) {
                true => Some(name),
                false => value.refuse(
                    Problem::new("another endpoint has this name", "give it a name of its own")
                        .given(value.given()),
                ),
            }
        });
        let url = table.required("url", "url = \"https://example.com/hooks\"", |url| {
            target::read_url(url, shared.allow_http)
        });
        let Shared { defaults, labels, allow_http, max_event_bytes, applications } = *shared;
        let mut settings = Settings::read(table, defaults, (labels, allow_http, max_event_bytes));
        let (url, user_info) = url?;
        if user_info.is_some() {
            if settings.auth.is_some() && table.is_given("auth") {
                let fix = "keep one of the two";
                let at = table.value_of("auth")?;
                return at.refuse_key(Problem::new("the URL has user info as well", fix));
            }
            settings.auth = user_info;
        }
        check_together(table, &settings)?;
        let reach = reach_of(table, &settings.application, applications)?;
        Some(settings.endpoint(name?, url, reach))
    })
}

fn reach_of(table: &mut Table<'_>, name: &str, applications: &[Application]) -> Option<Reach> {
    if let Some(application) = applications.iter().find(|application| application.name == name) {
        return Some(application.reach.clone());
    }
    let names: Vec<&str> = applications.iter().map(|known| known.name.as_str()).collect();
    let fix = match closest(name, &names) {
        Some(known) => format!("did you mean \"{known}\"?"),
        None => format!("declare it: [applications.{name}]"),
    };
    table.refuse_at("application", Problem::new("there is no such application", fix).given(name))
}

/// What only the whole endpoint shows, since a part may come from `[delivery]`.
fn check_together(table: &mut Table<'_>, settings: &Settings) -> Option<()> {
    let has =
        |name: &str| settings.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    if settings.auth.is_some() && has("authorization") {
        return table.refuse_at(
            "headers",
            Problem::new("the header authorization is set by `auth`", "keep one of the two"),
        );
    }
    if settings.signature.contains(&Profile::XSignature) && has("x-signature") {
        return table.refuse_at(
            "headers",
            Problem::new("the header x-signature is set by `signature`", "keep one of the two"),
        );
    }
    if settings.signature.is_empty() && !settings.secrets.is_empty() {
        let fix = "signature = [\"x-webhook\", \"standard\"], or secrets = []";
        return table
            .refuse_at("signature", Problem::new("secrets, but no profile to sign with", fix));
    }
    // Secrets of its own have been checked already.
    let own = table.is_given("secrets");
    if !own && !settings.secrets.iter().all(|secret| signature::fits(secret, &settings.signature)) {
        let problem = "a secret of [delivery] does not fit the profile `standard`";
        return table
            .refuse_at("signature", Problem::new(problem, "give the endpoint secrets of its own"));
    }
    Some(())
}

fn read_name(value: &Value<'_>) -> Option<String> {
    let name = value.word()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    match name.len() <= LONGEST_NAME_BYTES && name.bytes().all(plain) {
        true => Some(name),
        false => value.refuse(
            Problem::new("not a name for an endpoint", value.assignment("\"crm\""))
                .given(value.given())
                .allowed("1 to 63 of A-Z, a-z, 0-9, _, . and -"),
        ),
    }
}

fn read_rest(value: &Value<'_>) -> Option<Vec<Duration>> {
    let rest = value.list(MOST_STEPS, |rest| rest.duration(REST))?;
    match rest.is_empty() {
        true => value.refuse(Problem::new(
            "without a rest a dead receiver is called without pause",
            value.assignment("[\"1s\", \"10s\", \"1m\"]"),
        )),
        false => Some(rest),
    }
}

/// An endpoint of the file is the same after a restart if its name is.
fn id_of(name: &str) -> EndpointId {
    let hash = Sha256::new().chain_update("walhook endpoint\0").chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    EndpointId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_its_id_as_long_as_its_name() {
        let EndpointId(id) = id_of("crm");
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id_of("crm"), EndpointId(id));
        assert_ne!(id_of("crm2"), EndpointId(id));
    }
}
