//! Attempts of deliveries, without configuration and database around them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;
use walhook::deliver::client::Client;
use walhook::deliver::network::{Network, NetworkSettings};
use walhook::deliver::resolver::Resolver;
use walhook::endpoint::{
    Endpoint, EndpointId, Filter, Method, Ordering, Profile, RetryPolicy, TlsFiles,
};
use walhook::event::{Attempt, Delivery, DeliveryId, ErrorClass, Event, EventId};
use walhook::lsn::Position;
use walhook::secret::Secret;

/// How much of an answer's body is kept in these tests.
pub(crate) const KEPT: usize = 1000;

/// An endpoint with a deadline that no test reaches unless it wants to.
pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        id: EndpointId(Uuid::from_u128(7)),
        name: "crm".to_owned(),
        application: "default".to_owned(),
        reach: walhook::endpoint::Reach::default(),
        is_faulty: false,
        active_from: walhook::lsn::Lsn(0),
        url: url.parse().unwrap(),
        method: Method::Post,
        enabled: true,
        secrets: vec![Secret::new("secret_123")],
        signature: vec![Profile::XWebhook],
        filter: Filter::default(),
        transform: None,
        condition: None,
        headers: vec![],
        auth: None,
        tls: TlsFiles::default(),
        timeout: Duration::from_secs(30),
        retry: RetryPolicy { schedule: vec![], jitter: 0.0, retry_on_status: vec![] },
        ordering: Ordering::Key,
        max_in_flight: 1,
        rate_limit_per_second: 0,
        failure_rest: vec![Duration::from_secs(1)],
        alert_after: vec![],
        disable_after: 0,
        disable_min_duration: Duration::ZERO,
    }
}

/// The same endpoint with a deadline that it is to miss.
pub(crate) fn hasty(url: &str) -> Endpoint {
    Endpoint { timeout: Duration::from_millis(500), ..endpoint(url) }
}

pub(crate) fn delivery(body: impl Into<Bytes>) -> Delivery {
    let id = EventId(0x0123_4567_89ab << 80 | 42);
    let endpoint = EndpointId(Uuid::from_u128(7));
    Delivery {
        id: DeliveryId::new(id, endpoint),
        endpoint,
        event: Arc::new(Event {
            id,
            event_type: "order.updated".into(),
            position: Position::default(),
            commit_time: 0,
            keys: [1, 1],
        }),
        body: body.into(),
    }
}

/// A network in which loopback may be called, over plain http too.
pub(crate) fn open_network() -> Arc<Network> {
    network(&["127.0.0.0/8", "::1/128"], Resolver::system())
}

pub(crate) fn network(allow_cidrs: &[&str], resolver: Resolver) -> Arc<Network> {
    let settings = NetworkSettings {
        allow_http: true,
        allow_cidrs: allow_cidrs.iter().map(|net| net.parse().unwrap()).collect(),
        response_body_bytes: KEPT,
    };
    Arc::new(Network::new(settings, resolver))
}

/// A resolver that has the same addresses for every name.
pub(crate) fn resolves_to(addresses: &[&str]) -> Resolver {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Resolver::from_fn(move |_| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    })
}

pub(crate) fn client(endpoint: &Endpoint) -> Client {
    Client::new(endpoint, open_network()).unwrap()
}

/// The first attempt of a small delivery on a fresh connection.
pub(crate) async fn attempt(endpoint: &Endpoint) -> Attempt {
    client(endpoint).attempt(None, &delivery("{}"), 1).await.0
}

/// The first attempt in another network.
pub(crate) async fn attempt_in(network: Arc<Network>, endpoint: &Endpoint) -> Attempt {
    Client::new(endpoint, network).unwrap().attempt(None, &delivery("{}"), 1).await.0
}

/// The class of a failure that had no answer, and its message.
#[track_caller]
pub(crate) fn no_answer(attempt: &Attempt) -> (ErrorClass, &str) {
    assert_eq!(attempt.status, None, "{attempt:?}");
    let (class, message) = attempt.error.as_ref().expect("a failure");
    (*class, message)
}

#[track_caller]
pub(crate) fn assert_delivered(attempt: &Attempt, status: u16) {
    assert_eq!((attempt.status, &attempt.error), (Some(status), &None));
}

#[track_caller]
pub(crate) fn assert_refused(attempt: &Attempt, status: u16) {
    let class = attempt.error.as_ref().map(|(class, _)| *class);
    assert_eq!((attempt.status, class), (Some(status), Some(ErrorClass::HttpStatus)));
}
