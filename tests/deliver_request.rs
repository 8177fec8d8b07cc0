//! What a receiver sees of an attempt, and how connections are used.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
#[path = "support/receiver.rs"]
mod receiver;

use std::sync::Arc;

use attempts::{assert_delivered, assert_refused, attempt, client, delivery, endpoint, no_answer};
use receiver::{Receiver, answer, answer_all};
use walhook::endpoint::{Auth, Endpoint, Method, Profile};
use walhook::event::ErrorClass;
use walhook::secret::Secret;
use walhook::sign::{Scheme, Verifier};

const OK: &str = "200 OK";

// The request.

#[tokio::test]
async fn the_request_is_as_the_contract_says() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    let endpoint = endpoint(&receiver.url("/hooks/a%20b?x=1&y"));
    let body = r#"{"total":1.10,"big":1e400,"n":9223372036854775808}"#;
    let (attempt, _) = client(&endpoint).attempt(None, &delivery(body), 3).await;
    assert_delivered(&attempt, 200);

    let requests = receiver.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.line(), "POST /hooks/a%20b?x=1&y HTTP/1.1");
    assert_eq!(request.body, body.as_bytes());
    let event_id = delivery("").event.id.to_string();
    let delivery_id = delivery("").id.0.to_string();
    let timestamp = request.header("X-Webhook-Timestamp").unwrap();
    assert_eq!(timestamp, (attempt.started_at / 1_000_000).to_string());
    assert_eq!(
        request.headers(),
        [
            ("Host", receiver.address.to_string().as_str()),
            ("Content-Type", "application/json"),
            ("User-Agent", concat!("walhook/", env!("CARGO_PKG_VERSION"))),
            ("Accept", "*/*"),
            ("X-Webhook-Event", "order.updated"),
            ("X-Webhook-Event-Id", event_id.as_str()),
            ("X-Webhook-Delivery", delivery_id.as_str()),
            ("X-Webhook-Attempt", "3"),
            ("X-Webhook-Timestamp", timestamp),
            ("X-Webhook-Signature", attempt.signature.as_str()),
            ("Content-Length", body.len().to_string().as_str()),
        ]
    );
}

#[tokio::test]
async fn every_profile_verifies_at_the_receiver() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    for (profiles, schemes) in [
        (vec![Profile::XWebhook, Profile::Standard], vec![Scheme::XWebhook, Scheme::Standard]),
        (vec![Profile::Body, Profile::XSignature], vec![Scheme::Body, Scheme::XSignature]),
    ] {
        let secrets = vec![Secret::new("whsec_bmV3"), Secret::new("whsec_b2xk")];
        let endpoint = Endpoint { signature: profiles, secrets, ..endpoint(&receiver.url("/")) };
        let attempt = attempt(&endpoint).await;
        let request = receiver.requests().pop().unwrap();
        for scheme in &schemes {
            let verifier = Verifier::new(*scheme, &endpoint.secrets[..1]).unwrap();
            let now = attempt.started_at / 1_000_000;
            verifier.verify(|name| request.header(name), &request.body, now).unwrap();
        }
        let first = request.header("X-Webhook-Signature").unwrap();
        assert_eq!(attempt.signature, first, "the log keeps the first profile's");
    }
    let names: Vec<_> = receiver.requests()[0]
        .headers()
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .filter(|name| name.to_lowercase().contains("signature"))
        .collect();
    let expected = ["X-Webhook-Signature", "X-Webhook-Signature-Previous", "webhook-signature"];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn an_endpoint_without_secrets_is_unsigned() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    let signature = vec![Profile::XWebhook, Profile::Standard];
    let endpoint = Endpoint { secrets: vec![], signature, ..endpoint(&receiver.url("/")) };
    assert_eq!(attempt(&endpoint).await.signature, "");
    let head = receiver.requests()[0].head.to_lowercase();
    assert!(!head.contains("signature") && !head.contains("webhook-id"), "{head}");
}

#[tokio::test]
async fn custom_headers_keep_their_spelling_and_order() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let headers = vec![
        header("X-API-Key", "one"),
        header("x-lower", "two"),
        header("eTag", "three"),
        header("X-Plain", "café"),
    ];
    let signature = vec![Profile::Standard];
    let endpoint =
        Endpoint { headers, signature, method: Method::Patch, ..endpoint(&receiver.url("/")) };
    attempt(&endpoint).await;
    let request = receiver.requests().pop().unwrap();
    assert_eq!(request.line(), "PATCH / HTTP/1.1");
    let names: Vec<_> = request.headers().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names[0], "Host");
    assert_eq!(
        names[9..],
        [
            "webhook-signature",
            "webhook-id",
            "webhook-timestamp",
            "X-API-Key",
            "x-lower",
            "eTag",
            "X-Plain",
            "Content-Length"
        ]
    );
    assert_eq!(request.header("x-api-key"), Some("one"));
    assert_eq!(request.header("x-plain"), Some("café"));
}

#[tokio::test]
async fn the_endpoint_authenticates_us_as_configured() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    let basic =
        Auth::Basic { username: "Aladdin".to_owned(), password: Secret::new("open sesame") };
    let bearer = Auth::Bearer { token: Secret::new("t0ken") };
    for (auth, expected) in
        [(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), (bearer, "Bearer t0ken")]
    {
        attempt(&Endpoint { auth: Some(auth), ..endpoint(&receiver.url("/")) }).await;
        let request = receiver.requests().pop().unwrap();
        assert_eq!(request.header("Authorization"), Some(expected));
    }
}

#[tokio::test]
async fn each_attempt_has_the_same_id_and_body_and_a_signature_of_its_own_time() {
    let receiver = Receiver::answering(answer("500 Oh", &[], "")).await;
    let client = client(&endpoint(&receiver.url("/")));
    let delivery = delivery(vec![0xff, 0x00, b'{']);
    let (first, idle) = client.attempt(None, &delivery, 1).await;
    let (second, _) = client.attempt(idle, &delivery, 2).await;
    let requests = receiver.requests();
    for name in ["X-Webhook-Event-Id", "X-Webhook-Delivery"] {
        assert_eq!(requests[0].header(name), requests[1].header(name));
    }
    assert_eq!(requests[0].body, requests[1].body);
    for (request, attempt) in requests.iter().zip([first, second]) {
        let verifier = Verifier::new(Scheme::XWebhook, &[Secret::new("secret_123")]).unwrap();
        let now = attempt.started_at / 1_000_000;
        assert_eq!(request.header("X-Webhook-Timestamp"), Some(now.to_string().as_str()));
        verifier.verify(|name| request.header(name), &request.body, now).unwrap();
    }
}

#[tokio::test]
async fn an_event_type_that_no_header_may_hold_is_still_delivered() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    let mut delivery = delivery("{}");
    Arc::get_mut(&mut delivery.event).unwrap().event_type = "größe\r\nx: y.created".into();
    let (attempt, _) = client(&endpoint(&receiver.url("/"))).attempt(None, &delivery, 1).await;
    assert_delivered(&attempt, 200);
    assert_eq!(receiver.requests()[0].header("X-Webhook-Event"), Some("größe??x: y.created"));
}

// Connections.

#[tokio::test]
async fn a_connection_is_used_again_and_again() {
    let receiver = Receiver::answering(answer(OK, &[], "thanks")).await;
    let client = client(&endpoint(&receiver.url("/")));
    let mut idle = None;
    for _ in 0..5 {
        let (attempt, connection) = client.attempt(idle, &delivery("{}"), 1).await;
        assert_delivered(&attempt, 200);
        idle = connection;
        assert!(idle.is_some());
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 5));
}

#[tokio::test]
async fn a_receiver_that_closes_after_each_answer_is_served_on_fresh_connections() {
    for header in ["Connection: close", "X-Says: nothing"] {
        let receiver = Receiver::start(move |mut peer| async move {
            peer.request().await;
            peer.send(answer(OK, &[header], "")).await;
            peer.close().await;
        })
        .await;
        let client = client(&endpoint(&receiver.url("/")));
        let mut idle = None;
        for _ in 0..3 {
            let (attempt, connection) = client.attempt(idle, &delivery("{}"), 1).await;
            assert_delivered(&attempt, 200);
            idle = connection;
        }
        assert_eq!((receiver.connections(), receiver.requests().len()), (3, 3));
    }
}

#[tokio::test]
async fn a_kept_connection_that_breaks_before_an_answer_is_retried_once_at_once() {
    for reset in [false, true] {
        let receiver = Receiver::start(move |mut peer| async move {
            peer.request().await;
            peer.send(answer(OK, &[], "")).await;
            // The second request of the first connection gets no answer.
            if peer.number() == 0 {
                peer.request().await;
                if reset { peer.reset() } else { peer.close().await }
            }
        })
        .await;
        let client = client(&endpoint(&receiver.url("/")));
        let (_, idle) = client.attempt(None, &delivery("{}"), 1).await;
        assert!(idle.is_some());
        let (attempt, _) = client.attempt(idle, &delivery("{}"), 2).await;
        assert_delivered(&attempt, 200);
        let requests = receiver.requests();
        let attempts: Vec<_> =
            requests.iter().map(|r| (r.connection, r.header("X-Webhook-Attempt"))).collect();
        assert_eq!(attempts, [(0, Some("1")), (0, Some("2")), (1, Some("2"))]);
    }
}

#[tokio::test]
async fn the_retry_of_a_broken_kept_connection_happens_only_once() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        if peer.number() == 0 {
            peer.send(answer(OK, &[], "")).await;
            peer.request().await;
        }
        peer.close().await;
    })
    .await;
    let client = client(&endpoint(&receiver.url("/")));
    let (_, idle) = client.attempt(None, &delivery("{}"), 1).await;
    let (attempt, _) = client.attempt(idle, &delivery("{}"), 2).await;
    assert_eq!(no_answer(&attempt).0, ErrorClass::Reset);
    assert_eq!((receiver.connections(), receiver.requests().len()), (2, 3));
}

#[tokio::test]
async fn a_kept_connection_that_breaks_within_the_answer_is_not_retried() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        peer.send(answer(OK, &[], "")).await;
        peer.request().await;
        peer.send("HTTP/1.1 2").await;
        peer.close().await;
    })
    .await;
    let client = client(&endpoint(&receiver.url("/")));
    let (_, idle) = client.attempt(None, &delivery("{}"), 1).await;
    let (attempt, _) = client.attempt(idle, &delivery("{}"), 2).await;
    assert_eq!(no_answer(&attempt).0, ErrorClass::Reset);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn bytes_after_an_answer_are_not_taken_for_the_next_one() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        let mut bytes = answer("500 Oh", &[], "");
        bytes.extend(answer(OK, &[], ""));
        peer.send(bytes).await;
        answer_all(peer, answer("503 Busy", &[], "").into()).await;
    })
    .await;
    let client = client(&endpoint(&receiver.url("/")));
    let (attempt, idle) = client.attempt(None, &delivery("{}"), 1).await;
    assert_refused(&attempt, 500);
    let (attempt, _) = client.attempt(idle, &delivery("{}"), 1).await;
    assert_ne!(attempt.status, Some(200));
}

#[tokio::test]
async fn attempts_run_side_by_side_in_one_task() {
    // Nobody is answered before all sixteen have come.
    let all = Arc::new(tokio::sync::Barrier::new(16));
    let receiver = Receiver::start(move |mut peer| {
        let all = Arc::clone(&all);
        async move {
            peer.request().await;
            all.wait().await;
            peer.send(answer(OK, &[], "")).await;
        }
    })
    .await;
    let client = client(&endpoint(&receiver.url("/")));
    let delivery = delivery("{}");
    let attempts = (0..16).map(|_| client.attempt(None, &delivery, 1));
    for (attempt, _) in futures_util::future::join_all(attempts).await {
        assert_delivered(&attempt, 200);
    }
}

#[tokio::test]
async fn an_attempt_is_a_small_future() {
    let client = client(&endpoint("http://127.0.0.1:1/"));
    let delivery = delivery("{}");
    let size = size_of_val(&client.attempt(None, &delivery, 1));
    assert!(size <= 2048, "{size} bytes; a lane holds hundreds");
}
