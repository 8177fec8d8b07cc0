//! Which addresses are dialled, and in what order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
#[path = "support/receiver.rs"]
mod receiver;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use attempts::{attempt_in, delivery, endpoint, hasty, network, no_answer, resolves_to};
use receiver::{Receiver, answer, answer_all};
use tokio::net::{TcpSocket, TcpStream};
use walhook::deliver::client::Client;
use walhook::deliver::network::{Network, NetworkSettings};
use walhook::deliver::resolver::{LookupError, Resolver};
use walhook::event::ErrorClass;

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

async fn receiver() -> Receiver {
    Receiver::answering(answer("200 OK", &[], "")).await
}

#[tokio::test]
async fn literals_in_any_notation_pass_the_same_check_as_names() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
    ] {
        let endpoint = endpoint(&format!("http://{host}:{port}/"));
        let attempt = attempt_in(network(&[], Resolver::system()), &endpoint).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::BlockedAddress, "{host}: {message}");
        assert!(message.contains("[security] allow_cidrs"), "{message}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn an_address_with_a_zone_is_no_url() {
    assert!("http://[fe80::1%25eth0]/".parse::<url::Url>().is_err());
}

#[tokio::test]
async fn what_the_allow_list_names_may_be_called() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    let network = network(&["127.0.0.1/32"], Resolver::system());
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"] {
        let endpoint = endpoint(&format!("http://{host}:{port}/"));
        let attempt = attempt_in(Arc::clone(&network), &endpoint).await;
        assert_eq!(attempt.status, Some(200), "{host}: {attempt:?}");
    }
}

#[tokio::test]
async fn plain_http_needs_to_be_allowed() {
    let receiver = receiver().await;
    let settings = NetworkSettings {
        allow_http: false,
        allow_cidrs: vec!["127.0.0.0/8".parse().unwrap()],
        response_body_bytes: 0,
    };
    let network = Arc::new(Network::new(settings, Resolver::system()));
    let attempt = attempt_in(network, &endpoint(&receiver.url("/"))).await;
    let (class, message) = no_answer(&attempt);
    assert_eq!(class, ErrorClass::BlockedAddress);
    assert!(message.contains("[security] allow_http"), "{message}");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_turns_private_is_never_dialled() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    // Allowed when first asked, private from then on; nobody listens on the allowed one.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::from_fn(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        let address: IpAddr = if first { "127.0.0.2" } else { "127.0.0.1" }.parse().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    });
    let network = network(&["127.0.0.2/32"], resolver);
    let endpoint = endpoint(&format!("http://rebind.example:{port}/"));
    let client = Client::new(&endpoint, network).unwrap();
    let (first, _) = client.attempt(None, &delivery("{}"), 1).await;
    assert_eq!(no_answer(&first).0, ErrorClass::Connect);
    let (second, _) = client.attempt(None, &delivery("{}"), 2).await;
    let (class, message) = no_answer(&second);
    assert_eq!(class, ErrorClass::BlockedAddress);
    let expected = "rebind.example may not be called: 127.0.0.1 is loopback; ";
    assert!(message.starts_with(expected), "{message}");
    assert_eq!((asked.load(Ordering::SeqCst), receiver.connections()), (2, 0));
}

#[tokio::test]
async fn of_a_name_with_public_and_private_addresses_only_the_public_ones_are_dialled() {
    let secret = receiver().await;
    let port = secret.address.port();
    let open = Receiver::start_on(&format!("127.0.0.2:{port}"), None, |peer| {
        answer_all(peer, answer("200 OK", &[], "").into())
    })
    .await;
    // The test's public address is the one allowed.
    let resolver = resolves_to(&["127.0.0.1", "127.0.0.2", "10.0.0.1"]);
    let network = network(&["127.0.0.2/32"], resolver);
    let attempt = attempt_in(network, &endpoint(&format!("http://both.example:{port}/"))).await;
    assert_eq!(attempt.status, Some(200));
    assert_eq!((secret.connections(), open.connections()), (0, 1));
}

#[tokio::test]
async fn a_dead_address_does_not_keep_the_living_one_from_being_used() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    // Nobody listens on the IPv6 address.
    let network = network(LOOPBACK, resolves_to(&["::1", "127.0.0.1"]));
    let attempt = attempt_in(network, &endpoint(&format!("http://dual.example:{port}/"))).await;
    assert_eq!(attempt.status, Some(200), "{attempt:?}");
    let request = receiver.requests().pop().unwrap();
    assert_eq!(request.header("Host"), Some(format!("dual.example:{port}").as_str()));
}

#[tokio::test]
async fn an_ipv6_literal_is_called_and_named_with_its_brackets() {
    let receiver = Receiver::start_on("[::1]:0", None, |peer| {
        answer_all(peer, answer("200 OK", &[], "").into())
    })
    .await;
    let network = network(LOOPBACK, Resolver::system());
    let attempt = attempt_in(network, &endpoint(&receiver.url("/"))).await;
    assert_eq!(attempt.status, Some(200), "{attempt:?}");
    let request = receiver.requests().pop().unwrap();
    assert_eq!(request.header("Host"), Some(receiver.address.to_string().as_str()));
}

#[tokio::test]
async fn a_silent_address_costs_a_head_start_and_not_the_deadline() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    let _full = full_listener(&format!("127.0.0.3:{port}")).await;
    let network = network(LOOPBACK, resolves_to(&["127.0.0.3", "127.0.0.1"]));
    let attempt = attempt_in(network, &endpoint(&format!("http://dual.example:{port}/"))).await;
    assert_eq!(attempt.status, Some(200), "{attempt:?}");
    assert!(attempt.duration.as_millis() >= 250, "{:?}", attempt.duration);
}

#[tokio::test]
async fn a_connection_that_is_never_taken_is_of_class_timeout() {
    let full = full_listener("127.0.0.1:0").await;
    let network = network(LOOPBACK, Resolver::system());
    let attempt = attempt_in(network, &hasty(&format!("http://{}/", full.address))).await;
    let expected = (ErrorClass::Timeout, "could not connect to 127.0.0.1 within 500ms");
    assert_eq!(no_answer(&attempt), expected);
}

/// Listens, accepts nothing and has no room in its queue, so that connecting waits for ever.
struct Full {
    address: std::net::SocketAddr,
    _listener: tokio::net::TcpListener,
    _queued: Vec<TcpStream>,
}

async fn full_listener(address: &str) -> Full {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let patience = std::time::Duration::from_millis(100);
    while let Ok(Ok(stream)) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        queued.push(stream);
    }
    Full { address, _listener: listener, _queued: queued }
}

#[tokio::test]
async fn all_refusals_of_a_name_end_in_class_connect() {
    let (port, network) = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (port, network(LOOPBACK, resolves_to(&["::1", "127.0.0.1", "127.0.0.2"])))
    };
    let attempt = attempt_in(network, &endpoint(&format!("http://dead.example:{port}/"))).await;
    assert_eq!(no_answer(&attempt).0, ErrorClass::Connect);
}

#[tokio::test]
async fn failures_of_name_resolution_are_of_class_dns_and_told_apart() {
    let says = |error: LookupError| {
        Resolver::from_fn(move |_| Box::pin(std::future::ready(Err(error.clone()))))
    };
    let endpoint = hasty("http://name.example/?token=abc");
    for (resolver, expected, is_resolver_out) in [
        (
            says(LookupError::NotFound("NXDOMAIN".to_owned())),
            "could not resolve name.example: the name does not exist (NXDOMAIN)",
            false,
        ),
        (
            says(LookupError::ResolverOut("SERVFAIL".to_owned())),
            "could not resolve name.example: the resolver cannot tell now (SERVFAIL)",
            true,
        ),
        (resolves_to(&[]), "name.example has no address", false),
        (
            Resolver::from_fn(|_| Box::pin(std::future::pending())),
            "could not resolve name.example within 500ms",
            true,
        ),
    ] {
        let attempt = attempt_in(network(LOOPBACK, resolver), &endpoint).await;
        assert_eq!(no_answer(&attempt), (ErrorClass::Dns, expected));
        assert_eq!(attempt.is_resolver_out, is_resolver_out, "{expected}");
    }
}

#[tokio::test]
async fn the_systems_resolver_is_asked_for_names() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    let network = network(LOOPBACK, Resolver::system());
    let open = endpoint(&format!("http://localhost:{port}/"));
    assert_eq!(attempt_in(Arc::clone(&network), &open).await.status, Some(200));
    // A label this long is refused without asking a name server.
    let impossible = format!("http://{}.example/", "x".repeat(64));
    let unknown = attempt_in(network, &endpoint(&impossible)).await;
    let (class, message) = no_answer(&unknown);
    assert_eq!(class, ErrorClass::Dns, "{message}");
}

#[tokio::test]
async fn a_url_can_be_checked_without_calling_it() {
    let receiver = receiver().await;
    let closed = network(&[], resolves_to(&["10.1.2.3"]));
    for url in [receiver.url("/"), "http://name.example/".to_owned()] {
        let refusal = closed.check(&url.parse().unwrap()).await.unwrap_err();
        assert_eq!(refusal.class(), ErrorClass::BlockedAddress);
    }
    let open = network(LOOPBACK, Resolver::system());
    open.check(&receiver.url("/").parse().unwrap()).await.unwrap();
    assert_eq!(receiver.connections(), 0);
}
