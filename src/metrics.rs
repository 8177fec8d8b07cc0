//! Counters that operators scrape. Names are contract §5; labels are bounded by configuration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(&'static str, String)>;
type StatusCounters = HashMap<&'static str, Counter>;

/// From 0.5 ms, about the fastest commit to 2xx there is, to the four hours of the last retry.
const LATENCY_BUCKETS: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
    600.0, 14_400.0,
];

/// Event types of one inbound source that have a label of their own: what is sent by strangers
/// must not make series without end.
const MOST_INBOUND_TYPES: usize = 200;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    deliveries: Family<Labels, Counter>,
    attempts: Family<Labels, Counter>,
    commit_to_success: Family<Labels, Histogram, fn() -> Histogram>,
    attempt_duration: Family<Labels, Histogram, fn() -> Histogram>,
    in_flight: Family<Labels, Gauge>,
    pending: Family<Labels, Gauge>,
    inbound_events: Family<Labels, Counter>,
    inbound_rejections: Family<Labels, Counter>,
    /// Counters by source, type and status, at hand for every event.
    inbound_types: Mutex<HashMap<String, HashMap<String, StatusCounters>>>,
    /// WAL behind the write position that the slot still keeps.
    pub slot_lag_bytes: Gauge,
    /// Age of the oldest transaction that is not settled; 0 when there is none.
    pub slot_lag_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    /// Time until the slot is lost at the rate of the last minute; infinite if it is not.
    pub slot_to_loss: Gauge<f64, std::sync::atomic::AtomicU64>,
    /// Whether replication streams.
    pub streaming: Gauge,
    /// Gaps in the WAL that were found.
    pub gaps: Counter,
}

/// The metrics of one endpoint, looked up once.
#[derive(Clone, Debug)]
pub struct EndpointMetrics {
    endpoint: String,
    metrics: Arc<Metrics>,
    /// Deliveries that ended with a 2xx.
    pub succeeded: Counter,
    /// Deliveries that failed for good.
    pub failed: Counter,
    /// Deliveries that ended without being sent.
    pub cancelled: Counter,
    /// Attempts that were answered with a 2xx.
    pub attempts_succeeded: Counter,
    /// From commit to 2xx.
    pub commit_to_success: Histogram,
    /// From begin to outcome of an attempt.
    pub attempt_duration: Histogram,
    /// Requests under way.
    pub in_flight: Gauge,
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("walhook"),
            deliveries: Family::default(),
            attempts: Family::default(),
            commit_to_success: Family::new_with_constructor(latency_histogram),
            attempt_duration: Family::new_with_constructor(latency_histogram),
            in_flight: Family::default(),
            pending: Family::default(),
            inbound_events: Family::default(),
            inbound_rejections: Family::default(),
            inbound_types: Mutex::default(),
            slot_lag_bytes: Gauge::default(),
            slot_lag_seconds: Gauge::default(),
            slot_to_loss: Gauge::default(),
            streaming: Gauge::default(),
            gaps: Counter::default(),
        };
        metrics.slot_to_loss.set(f64::INFINITY);
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let Self { registry, .. } = self;
        registry.register(
            "deliveries",
            "Deliveries that ended, by outcome",
            self.deliveries.clone(),
        );
        registry.register(
            "attempts",
            "Attempts, by error class; none for a 2xx",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "commit_to_success",
            "From commit to 2xx",
            Unit::Seconds,
            self.commit_to_success.clone(),
        );
        registry.register_with_unit(
            "attempt_duration",
            "From begin to outcome of an attempt",
            Unit::Seconds,
            self.attempt_duration.clone(),
        );
        registry.register("in_flight", "Requests under way", self.in_flight.clone());
        registry.register(
            "pending",
            "Deliveries in the queue, counted every few seconds",
            self.pending.clone(),
        );
        registry.register_with_unit(
            "slot_lag",
            "WAL that the slot keeps",
            Unit::Bytes,
            self.slot_lag_bytes.clone(),
        );
        registry.register_with_unit(
            "slot_lag",
            "Age of the oldest unsettled transaction",
            Unit::Seconds,
            self.slot_lag_seconds.clone(),
        );
        registry.register_with_unit(
            "slot_to_loss",
            "Time until the slot is lost at the rate of the last minute; +Inf if it is not",
            Unit::Seconds,
            self.slot_to_loss.clone(),
        );
        registry.register(
            "inbound_events",
            "Inbound events, by what became of them",
            self.inbound_events.clone(),
        );
        registry.register(
            "inbound_rejections",
            "Inbound requests not taken, by reason",
            self.inbound_rejections.clone(),
        );
        registry.register("streaming", "1 while replication streams", self.streaming.clone());
        registry.register("gaps", "Gaps in the WAL that were found", self.gaps.clone());
    }

    /// The metrics of `endpoint`.
    pub fn endpoint(self: &Arc<Self>, endpoint: &str) -> EndpointMetrics {
        let only = vec![("endpoint", endpoint.to_owned())];
        let outcome = |outcome: &str| {
            let labels = vec![("endpoint", endpoint.to_owned()), ("outcome", outcome.to_owned())];
            self.deliveries.get_or_create(&labels).clone()
        };
        EndpointMetrics {
            endpoint: endpoint.to_owned(),
            metrics: Arc::clone(self),
            succeeded: outcome("success"),
            failed: outcome("failed"),
            cancelled: outcome("cancelled"),
            attempts_succeeded: self.attempts_of(endpoint, "none"),
            commit_to_success: self.commit_to_success.get_or_create(&only).clone(),
            attempt_duration: self.attempt_duration.get_or_create(&only).clone(),
            in_flight: self.in_flight.get_or_create(&only).clone(),
        }
    }

    fn attempts_of(&self, endpoint: &str, class: &str) -> Counter {
        let labels = vec![("endpoint", endpoint.to_owned()), ("class", class.to_owned())];
        self.attempts.get_or_create(&labels).clone()
    }

    /// Says how many deliveries wait in the queue for `endpoint`.
    pub fn set_pending(&self, endpoint: &str, count: i64) {
        self.pending.get_or_create(&vec![("endpoint", endpoint.to_owned())]).set(count);
    }

    /// Counts an inbound event that became `status`.
    pub fn inbound_event(&self, source: &str, event_type: Option<&str>, status: &'static str) {
        let event_type = event_type.unwrap_or_default();
        let Ok(mut sources) = self.inbound_types.lock() else { return };
        let types = match sources.get_mut(source) {
            Some(types) => types,
            None => sources.entry(source.to_owned()).or_default(),
        };
        let has_label = types.contains_key(event_type) || types.len() < MOST_INBOUND_TYPES;
        let event_type = if has_label { event_type } else { "other" };
        if let Some(counter) = types.get(event_type).and_then(|counters| counters.get(status)) {
            counter.inc();
            return;
        }
        let labels = vec![
            ("source", source.to_owned()),
            ("event_type", event_type.to_owned()),
            ("status", status.to_owned()),
        ];
        let counter = self.inbound_events.get_or_create(&labels).clone();
        counter.inc();
        types.entry(event_type.to_owned()).or_default().insert(status, counter);
    }

    /// Counts an inbound request that was not taken.
    pub fn inbound_rejection(&self, source: &str, reason: &'static str) {
        let labels = vec![("source", source.to_owned()), ("reason", reason.to_owned())];
        self.inbound_rejections.get_or_create(&labels).inc();
    }

    /// Everything in OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl EndpointMetrics {
    /// Counts a failed attempt.
    pub fn attempt_failed(&self, class: &str) {
        self.metrics.attempts_of(&self.endpoint, class).inc();
    }
}
