//! OAuth 2.0 client credentials: when tokens are asked for, and what becomes of an attempt without.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
#[path = "support/receiver.rs"]
mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use attempts::{
    assert_delivered, assert_refused, attempt, attempt_in, client, delivery, endpoint, network,
    no_answer, open_network,
};
use receiver::{Receiver, answer, answer_all};
use tokio::sync::{Notify, Semaphore};
use walhook::deliver::classify::{Blame, Verdict, blame, verdict};
use walhook::deliver::client::Client;
use walhook::deliver::network::{Network, NetworkSettings};
use walhook::deliver::resolver::{LookupError, Resolver};
use walhook::endpoint::{Auth, ClientCredentials, Endpoint};
use walhook::event::ErrorClass;
use walhook::secret::{Secret, SecretUrl};

const OK: &str = "200 OK";
const SECRET: &str = "s3cret+of/the=client";

/// An endpoint at `url` that wants tokens of `token_url`.
fn secured(url: &str, token_url: &str) -> Endpoint {
    let credentials = ClientCredentials {
        client_id: "walhook".to_owned(),
        client_secret: Secret::new(SECRET),
        token_url: SecretUrl::new(token_url.parse().unwrap()),
        scope: "webhooks:write x".to_owned(),
    };
    Endpoint { auth: Some(Auth::OAuth2(credentials)), ..endpoint(url) }
}

fn hurried(url: &str, token_url: &str) -> Endpoint {
    Endpoint { timeout: Duration::from_millis(500), ..secured(url, token_url) }
}

fn grant(token: &str, rest: &str) -> Vec<u8> {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer"{rest}}}"#);
    answer(OK, &["Content-Type: application/json"], &body)
}

/// Gives token-0, token-1 and so on, each good for an hour.
async fn token_server() -> Receiver {
    let given = Arc::new(AtomicUsize::new(0));
    Receiver::start(move |mut peer| {
        let given = Arc::clone(&given);
        async move {
            while peer.request().await.is_some() {
                let number = given.fetch_add(1, Ordering::SeqCst);
                peer.send(grant(&format!("token-{number}"), r#","expires_in":3600"#)).await;
            }
        }
    })
    .await
}

/// Takes only requests with the token that `good` says at the time.
async fn picky(good: Arc<AtomicUsize>) -> Receiver {
    Receiver::start(move |mut peer| {
        let good = Arc::clone(&good);
        async move {
            while let Some(request) = peer.request().await {
                let wanted = format!("Bearer token-{}", good.load(Ordering::SeqCst));
                let is_good = request.header("Authorization") == Some(&wanted);
                let status = if is_good { "200 OK" } else { "401 Unauthorized" };
                peer.send(answer(status, &[], "")).await;
            }
        }
    })
    .await
}

fn tokens_seen(receiver: &Receiver) -> Vec<String> {
    let requests = receiver.requests();
    requests.iter().map(|r| r.header("Authorization").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_rfc_says_and_used_again_until_it_expires() {
    let (receiver, tokens) = (Receiver::answering(answer(OK, &[], "")).await, token_server().await);
    let client = client(&secured(&receiver.url("/"), &tokens.url("/token?tenant=1")));
    let mut idle = None;
    for number in 1..=3 {
        let (attempt, connection) = client.attempt(idle, &delivery("{}"), number).await;
        assert_delivered(&attempt, 200);
        idle = connection;
    }
    assert_eq!(tokens_seen(&receiver), ["Bearer token-0"; 3]);
    assert_eq!(receiver.connections(), 1);
    let asked = tokens.requests();
    let [request] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(request.line(), "POST /token?tenant=1 HTTP/1.1");
    assert_eq!(request.header("Host"), Some(tokens.address.to_string().as_str()));
    assert_eq!(request.header("Content-Type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("Accept"), Some("application/json"));
    // `walhook:s3cret%2Bof%2Fthe%3Dclient`
    let basic = "Basic d2FsaG9vazpzM2NyZXQlMkJvZiUyRnRoZSUzRGNsaWVudA==";
    assert_eq!(request.header("Authorization"), Some(basic));
    assert_eq!(request.body, b"grant_type=client_credentials&scope=webhooks%3Awrite+x");
}

#[tokio::test]
async fn attempts_at_once_share_one_token_and_so_do_endpoints_with_the_same_credentials() {
    let (receiver, tokens) = (Receiver::answering(answer(OK, &[], "")).await, token_server().await);
    let network = open_network();
    let endpoint = secured(&receiver.url("/"), &tokens.url("/"));
    let other =
        Endpoint { name: "erp".to_owned(), ..secured(&receiver.url("/b"), &tokens.url("/")) };
    let clients = [&endpoint, &other].map(|e| Client::new(e, Arc::clone(&network)).unwrap());
    let delivery = delivery("{}");
    let attempts = (0..32).map(|number| clients[number % 2].attempt(None, &delivery, 1));
    for (attempt, _) in futures_util::future::join_all(attempts).await {
        assert_delivered(&attempt, 200);
    }
    assert_eq!((tokens.requests().len(), receiver.requests().len()), (1, 32));
}

#[tokio::test]
async fn a_401_makes_one_new_token_and_one_more_request_within_the_attempt() {
    let good = Arc::new(AtomicUsize::new(0));
    let (receiver, tokens) = (picky(Arc::clone(&good)).await, token_server().await);
    let client = client(&secured(&receiver.url("/"), &tokens.url("/")));
    let (attempt, idle) = client.attempt(None, &delivery("{}"), 1).await;
    assert_delivered(&attempt, 200);
    good.store(1, Ordering::SeqCst);
    let (attempt, _) = client.attempt(idle, &delivery("{}"), 2).await;
    assert_delivered(&attempt, 200);
    let expected = ["Bearer token-0", "Bearer token-0", "Bearer token-1"];
    assert_eq!(tokens_seen(&receiver), expected);
    let requests = receiver.requests();
    assert_eq!(requests[1].header("X-Webhook-Attempt"), requests[2].header("X-Webhook-Attempt"));
    assert_eq!((receiver.connections(), tokens.requests().len()), (1, 2));
}

#[tokio::test]
async fn many_401s_at_once_make_one_new_token() {
    // Nobody is answered before all have come, so all are rejected with the same token.
    let gate = Arc::new(tokio::sync::Barrier::new(8));
    let receiver = Receiver::start(move |mut peer| {
        let gate = Arc::clone(&gate);
        async move {
            while let Some(request) = peer.request().await {
                if request.header("Authorization") == Some("Bearer token-0") {
                    gate.wait().await;
                    peer.send(answer("401 Unauthorized", &[], "")).await;
                } else {
                    peer.send(answer(OK, &[], "")).await;
                }
            }
        }
    })
    .await;
    let tokens = token_server().await;
    let client = client(&secured(&receiver.url("/"), &tokens.url("/")));
    let delivery = delivery("{}");
    let attempts = (0..8).map(|_| client.attempt(None, &delivery, 1));
    for (attempt, _) in futures_util::future::join_all(attempts).await {
        assert_delivered(&attempt, 200);
    }
    assert_eq!((tokens.requests().len(), receiver.requests().len()), (2, 16));
}

#[tokio::test]
async fn a_401_to_the_new_token_as_well_is_what_the_endpoint_says() {
    let receiver = Receiver::answering(answer("401 Unauthorized", &[], "who are you")).await;
    let tokens = token_server().await;
    let attempt = attempt(&secured(&receiver.url("/"), &tokens.url("/"))).await;
    assert_refused(&attempt, 401);
    assert_eq!(attempt.response_body, "who are you");
    assert_eq!((tokens.requests().len(), receiver.requests().len()), (2, 2));
}

#[tokio::test]
async fn without_a_new_token_after_a_401_the_attempt_is_of_class_auth() {
    let receiver = Receiver::answering(answer("401 Unauthorized", &[], "")).await;
    let tokens = Receiver::start(|mut peer| async move {
        peer.request().await;
        let first = peer.number() == 0;
        peer.send(if first { grant("a", "") } else { answer("503 Busy", &[], "") }).await;
    })
    .await;
    let attempt = attempt(&secured(&receiver.url("/"), &tokens.url("/"))).await;
    let expected = "answered 401 Unauthorized, and no token from 127.0.0.1: answered 503 Service \
                    Unavailable";
    assert_eq!(no_answer(&attempt), (ErrorClass::Auth, expected));
    assert_eq!(receiver.requests().len(), 1);
}

// No token.

#[tokio::test]
async fn a_token_that_cannot_be_had_is_of_class_auth_and_its_message_holds_no_secret() {
    let trap = Receiver::answering(grant("from-the-trap", "")).await;
    let location = format!("Location: {}", trap.url("/"));
    let leaky = format!(r#"{{"error":"invalid_client","error_description":"{SECRET}"}}"#);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1 << 20));
    let mac = answer(OK, &[], &format!(r#"{{"access_token":"{SECRET}","token_type":"mac"}}"#));
    for (answer, expected) in [
        (answer("401 No", &[], &leaky), "answered 401 Unauthorized (invalid_client)"),
        (answer("400 No", &[], SECRET), "answered 400 Bad Request"),
        (answer("302 Found", &[&location], ""), "answered 302 Found; redirects are not followed"),
        (answer(OK, &[], SECRET), "the answer is not JSON with an access_token"),
        (mac, "it gives tokens of another type than Bearer"),
        (grant("a b", ""), "its token cannot be sent: not 1 to 16384 visible ASCII characters"),
        (endless.into_bytes(), "the body is longer than 64 KiB or broke"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), "the exchange broke"),
        (Vec::new(), "the exchange broke"),
    ] {
        let receiver = Receiver::answering(answer_ok()).await;
        let tokens = Receiver::start(move |mut peer| {
            let answer = answer.clone();
            async move {
                peer.request().await;
                peer.send(answer).await;
                peer.close().await;
            }
        })
        .await;
        let attempt = attempt(&secured(&receiver.url("/"), &tokens.url("/?key=hunter2"))).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::Auth);
        assert!(message.starts_with(&format!("no token from 127.0.0.1: {expected}")), "{message}");
        for secret in [SECRET, "hunter2", "czNjcmV0"] {
            assert!(!message.contains(secret), "{message}");
        }
        assert_eq!(blame(&attempt), Blame::Endpoint, "it counts like other failures");
        assert_eq!((receiver.connections(), tokens.requests().len()), (0, 1));
    }
    assert_eq!(trap.connections(), 0);
}

fn answer_ok() -> Vec<u8> {
    answer(OK, &[], "")
}

#[tokio::test]
async fn the_token_endpoint_is_under_the_guard_of_deliveries() {
    let receiver = Receiver::answering(answer_ok()).await;
    // The receiver may be called, the token endpoint may not.
    let inside =
        Receiver::start_on("127.0.0.9:0", None, |peer| answer_all(peer, grant("a", "").into()))
            .await;
    let port = inside.address.port();
    let private = Resolver::from_fn(|_| Box::pin(async { Ok(vec!["127.0.0.9".parse().unwrap()]) }));
    let network = network(&["127.0.0.1/32"], private);
    for host in ["127.0.0.9", "2130706441", "[::ffff:127.0.0.9]", "login.example"] {
        let endpoint = secured(&receiver.url("/"), &format!("http://{host}:{port}/"));
        let attempt = attempt_in(Arc::clone(&network), &endpoint).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::Auth);
        assert!(message.contains("[security] allow_cidrs can allow it"), "{message}");
    }
    let strict = NetworkSettings {
        allow_http: false,
        allow_cidrs: vec!["127.0.0.0/8".parse().unwrap()],
        response_body_bytes: 0,
    };
    let strict = Arc::new(Network::new(strict, Resolver::system()));
    let plain = secured("https://127.0.0.1:1/", &inside.url("/"));
    let attempt = attempt_in(strict, &plain).await;
    let (class, message) = no_answer(&attempt);
    assert!(class == ErrorClass::Auth && message.contains("allow_http"), "{message}");
    assert_eq!((inside.connections(), receiver.connections()), (0, 0));
}

#[tokio::test]
async fn a_resolver_that_is_out_is_not_charged_to_an_endpoint_that_wants_a_token() {
    let receiver = Receiver::answering(answer_ok()).await;
    let endpoint = hurried(&receiver.url("/"), "http://login.example/");
    for (found, is_out) in [
        (Some(LookupError::ResolverOut("SERVFAIL".to_owned())), true),
        (None, true),
        (Some(LookupError::NotFound("NXDOMAIN".to_owned())), false),
    ] {
        let resolver = Resolver::from_fn(move |_| match found.clone() {
            Some(error) => Box::pin(async move { Err(error) }),
            None => Box::pin(std::future::pending()),
        });
        let attempt = attempt_in(network(&["127.0.0.0/8"], resolver), &endpoint).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::Auth);
        let begin = "no token from login.example: could not resolve login.example";
        assert!(message.starts_with(begin), "{message}");
        let is_throttled =
            verdict(&attempt, &endpoint.retry, 1, 0) == Verdict::Throttled { rest: None };
        assert_eq!((attempt.is_resolver_out, is_throttled), (is_out, is_out));
    }
}

#[tokio::test]
async fn the_deadline_of_the_attempt_holds_for_its_token_too() {
    let receiver = Receiver::answering(answer_ok()).await;
    for head in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let tokens = Receiver::start(move |mut peer| async move {
            peer.request().await;
            peer.send(head).await;
            peer.closed().await;
        })
        .await;
        let attempt = attempt(&hurried(&receiver.url("/"), &tokens.url("/"))).await;
        let expected = "no token from 127.0.0.1: no answer from 127.0.0.1 within 500ms";
        assert_eq!(no_answer(&attempt), (ErrorClass::Auth, expected));
        assert!(attempt.duration < Duration::from_secs(5), "{:?}", attempt.duration);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn attempts_at_once_share_one_refusal_and_later_ones_ask_again() {
    let receiver = Receiver::answering(answer_ok()).await;
    let latch = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&latch);
    let tokens = Receiver::start(move |mut peer| {
        let held = Arc::clone(&held);
        async move {
            peer.request().await;
            held.acquire().await.unwrap().forget();
            peer.send(answer("403 No", &[], "")).await;
        }
    })
    .await;
    let client = client(&secured(&receiver.url("/"), &tokens.url("/")));
    let delivery = delivery("{}");
    let all = futures_util::future::join_all((0..8).map(|_| client.attempt(None, &delivery, 1)));
    let release = async {
        while tokens.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        latch.add_permits(1);
    };
    let (attempts, ()) = tokio::join!(all, release);
    for (attempt, _) in attempts {
        assert_eq!(no_answer(&attempt).0, ErrorClass::Auth);
    }
    assert_eq!(tokens.requests().len(), 1);
    latch.add_permits(1);
    client.attempt(None, &delivery, 2).await;
    assert_eq!(tokens.requests().len(), 2);
}

#[tokio::test]
async fn an_attempt_that_is_dropped_while_it_asks_leaves_the_way_to_the_next() {
    let receiver = Receiver::answering(answer_ok()).await;
    let asked = Arc::new(Notify::new());
    let signal = Arc::clone(&asked);
    let tokens = Receiver::start(move |mut peer| {
        let signal = Arc::clone(&signal);
        async move {
            peer.request().await;
            match peer.number() {
                0 => {
                    signal.notify_one();
                    peer.closed().await;
                }
                _ => drop(peer.send(grant("a", "")).await),
            }
        }
    })
    .await;
    let client = client(&secured(&receiver.url("/"), &tokens.url("/")));
    let delivery = delivery("{}");
    tokio::select! {
        _ = client.attempt(None, &delivery, 1) => panic!("nobody answered"),
        () = asked.notified() => {}
    }
    assert_delivered(&client.attempt(None, &delivery, 2).await.0, 200);
}

#[tokio::test]
async fn a_token_that_the_receiver_echoes_is_masked() {
    let receiver = Receiver::start(|mut peer| async move {
        let request = peer.request().await.unwrap();
        let echoed = request.header("Authorization").unwrap().to_owned();
        let header = format!("X-Echo: {echoed}");
        // The limit of what is kept falls into the second one.
        let padding = "x".repeat(attempts::KEPT - 2 * "Bearer a-long-token-of-some-kind".len());
        peer.send(answer("400 Bad", &[&header], &format!("{echoed}{padding}{echoed}"))).await;
    })
    .await;
    let tokens = Receiver::answering(grant("a-long-token-of-some-kind", "")).await;
    let attempt = attempt(&secured(&receiver.url("/"), &tokens.url("/"))).await;
    assert_refused(&attempt, 400);
    assert!(attempt.response_headers.contains(r#""x-echo":"Bearer ***""#), "{attempt:?}");
    assert!(attempt.response_body.starts_with("Bearer ***xxx"), "{}", attempt.response_body);
    assert!(!attempt.response_body.contains("a-long"), "{}", attempt.response_body);
}
