//! Which addresses are dialled, and in what order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
#[path = "support/receiver.rs"]
mod receiver;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
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

/// What must never be called unless it is allowed by name (cases.md).
const REFUSED: &[&str] = &[
    "127.0.0.1",
    "127.254.254.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.10.65",
    "172.31.255.255",
    "192.168.10.65",
    "169.254.45.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.0.0",
    "192.0.0.1",
    "192.0.2.255",
    "198.51.100.65",
    "203.0.113.6",
    "192.88.99.3",
    "198.18.0.1",
    "198.19.255.255",
    "224.1.2.3",
    "240.240.240.240",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "fe80::",
    "fe80::1",
    "febf:ffff::",
    "fec0::",
    "fec0::1",
    "fd7a:115c:a1e0::1",
    "fd00:ec2::254",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::",
    "100::1",
    "2001:2::1",
    "2002:c0a8:1::",
    "64:ff9b::c0a8:0",
    "64:ff9b:1::",
    "5f00::",
];

const ALLOWED: &[&str] = &["1.1.1.1", "8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"];

/// The notations of an IPv4 address that reach it, as hosts of a URL.
fn notations(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let number = u32::from(address);
    let (high, low) = (number >> 16, number & 0xffff);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{a}.{b}.{low}"),
        format!("{a}.{}", number & 0xff_ffff),
        format!("{number}"),
        format!("{number:#x}"),
        format!("0{number:o}"),
        format!("{a:#x}.{b:#X}.0{c:o}.{d:#04x}"),
        format!("%{:02x}{}.{b}.{c}.{d}", a.to_string().as_bytes()[0], &a.to_string()[1..]),
        // Digits and dots of other scripts, which IDNA maps to ours.
        format!("{a}\u{3002}{b}\u{ff0e}{c}\u{ff61}{d}"),
        format!("{a}.{b}.{c}.{d}")
            .chars()
            .map(|c| {
                char::from_u32(0xff10 + c.to_digit(10).unwrap_or(0))
                    .filter(|_| c != '.')
                    .unwrap_or(c)
            })
            .collect(),
        // Mapped, compatible, translated, NAT64, 6to4; Teredo with the client inverted.
        format!("[::ffff:{address}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:FFFF:{address}]"),
        format!("[::{address}]"),
        format!("[::ffff:0:{address}]"),
        format!("[64:ff9b::{address}]"),
        format!("[64:ff9b:0:0:0:0:{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::f7f7:f7f7]"),
        format!("[2001:0:808:808:0:0:{:x}:{:x}]", !high & 0xffff, !low & 0xffff),
    ]
}

/// What a URL of this host fails with before anything is dialled.
async fn refusal(network: &Network, authority: &str) -> Option<String> {
    let url = format!("http://{authority}/").parse().unwrap_or_else(|e| panic!("{authority}: {e}"));
    let error = network.check(&url).await.err()?;
    assert_eq!(error.class(), ErrorClass::BlockedAddress, "{authority}: {error}");
    Some(error.source().unwrap_or_else(|| panic!("{authority}: {error}")).to_string())
}

#[tokio::test]
async fn every_address_of_the_table_is_refused_in_every_notation_and_as_a_name() {
    let literals = network(&[], resolves_to(&[]));
    for address in REFUSED {
        let hosts = match address.parse().unwrap() {
            IpAddr::V4(address) => notations(address),
            IpAddr::V6(address) => vec![format!("[{address}]")],
        };
        for host in hosts {
            for authority in [host.clone(), format!("{host}:8443"), format!("u:p@{host}")] {
                let said = refusal(&literals, &authority).await;
                let said = said.unwrap_or_else(|| panic!("{authority} ({address}) passed"));
                assert!(said.ends_with("; [security] allow_cidrs can allow it"), "{said}");
            }
        }
        let named = network(&[], resolves_to(&[address]));
        for name in ["a.example", "A.EXAMPLE.", "1.1.1.1.example", "b\u{fc}cher.example"] {
            assert!(refusal(&named, name).await.is_some(), "{name} at {address}");
        }
        // Whatever comes first, last or between public ones.
        let mixed = network(&[], resolves_to(&[address, address]));
        assert!(refusal(&mixed, "a.example").await.is_some());
    }
}

#[tokio::test]
async fn public_addresses_pass_in_every_notation_that_is_one() {
    for address in ALLOWED {
        let address: IpAddr = address.parse().unwrap();
        let host = if address.is_ipv4() { address.to_string() } else { format!("[{address}]") };
        assert_eq!(refusal(&network(&[], resolves_to(&[])), &host).await, None);
        let named = network(&[], resolves_to(&[&address.to_string()]));
        assert_eq!(refusal(&named, "a.example").await, None);
    }
    let numbers = network(&[], resolves_to(&[]));
    for host in ["134744072", "0x8080808", "8.8.2056", "[64:ff9b::808:808]", "[2002:808:808::1]"] {
        assert_eq!(refusal(&numbers, host).await, None, "{host}");
    }
}

#[tokio::test]
async fn loopback_by_name_is_loopback_whatever_a_resolver_says() {
    let liar = network(&[], resolves_to(&["1.1.1.1"]));
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "a.b.localhost.",
        "loc%61lhost",
        "\u{ff4c}\u{ff4f}\u{ff43}\u{ff41}\u{ff4c}\u{ff48}\u{ff4f}\u{ff53}\u{ff54}",
    ] {
        let said = refusal(&liar, host).await.unwrap_or_else(|| panic!("{host} passed"));
        assert!(said.contains(" is loopback; "), "{said}");
    }
}

#[tokio::test]
async fn a_blocked_literal_is_never_looked_up_and_never_dialled() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::from_fn(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(vec!["1.1.1.1".parse().unwrap()]) })
    });
    let network = network(&[], resolver);
    for host in notations(Ipv4Addr::LOCALHOST).into_iter().chain(["[::1]".to_owned()]) {
        let endpoint = endpoint(&format!("http://{host}:{port}/"));
        let attempt = attempt_in(Arc::clone(&network), &endpoint).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::BlockedAddress, "{host}: {message}");
    }
    assert_eq!((asked.load(Ordering::SeqCst), receiver.connections()), (0, 0));
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
async fn a_black_hole_of_ipv6_costs_a_head_start_however_many_addresses_it_has() {
    let receiver = receiver().await;
    let port = receiver.address.port();
    let _hole = full_listener(&format!("[::1]:{port}")).await;
    let resolver = resolves_to(&["::1", "::1", "::1", "::1", "127.0.0.1"]);
    let network = network(LOOPBACK, resolver);
    let attempt = attempt_in(network, &endpoint(&format!("http://dual.example:{port}/"))).await;
    assert_eq!(attempt.status, Some(200), "{attempt:?}");
    let took = attempt.duration.as_millis();
    assert!((250..2000).contains(&took), "{took} ms");
}

#[tokio::test]
async fn names_are_kept_and_vetted_at_each_dial_all_the_same() {
    let receiver = Receiver::answering(answer("200 OK", &["Connection: close"], "")).await;
    let port = receiver.address.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::from_fn(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
    });
    let network = network(LOOPBACK, resolver);
    let endpoint = endpoint(&format!("http://kept.example:{port}/"));
    for _ in 0..5 {
        assert_eq!(attempt_in(Arc::clone(&network), &endpoint).await.status, Some(200));
    }
    assert_eq!((asked.load(Ordering::SeqCst), receiver.connections()), (1, 5));
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
    let address: std::net::SocketAddr = address.parse().unwrap();
    let socket = match address {
        std::net::SocketAddr::V4(_) => TcpSocket::new_v4().unwrap(),
        std::net::SocketAddr::V6(_) => TcpSocket::new_v6().unwrap(),
    };
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
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
