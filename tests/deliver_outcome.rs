//! What becomes of an attempt at receivers that behave, misbehave and break off.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
#[path = "support/receiver.rs"]
mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use attempts::{
    KEPT, assert_delivered, assert_refused, attempt, client, delivery, endpoint, hasty, no_answer,
};
use receiver::{Receiver, answer};
use tokio::sync::Notify;
use walhook::deliver::classify::{Verdict, verdict};
use walhook::endpoint::Endpoint;
use walhook::event::{Attempt, ErrorClass};
use walhook::secret::Secret;

const OK: &str = "200 OK";

// The status.

#[tokio::test]
async fn every_2xx_is_a_success() {
    for status in ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Odd"] {
        let bytes = match status {
            "204 No Content" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            _ => answer(status, &[], "fine"),
        };
        let receiver = Receiver::answering(bytes).await;
        let attempt = attempt(&endpoint(&receiver.url("/"))).await;
        assert_delivered(&attempt, status[..3].parse().unwrap());
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_never_followed() {
    let trap = Receiver::answering(answer(OK, &[], "")).await;
    for status in ["301", "302", "303", "307", "308"] {
        let location = format!("Location: {}", trap.url("/trap"));
        let receiver =
            Receiver::answering(answer(&format!("{status} Moved"), &[&location], "")).await;
        let attempt = attempt(&endpoint(&receiver.url("/"))).await;
        assert_refused(&attempt, status.parse().unwrap());
        assert!(attempt.error.unwrap().1.ends_with("redirects are not followed"));
        assert_eq!(receiver.requests().len(), 1);
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn every_other_status_is_a_failure_with_its_number() {
    for status in [304, 400, 401, 403, 404, 409, 410, 418, 422, 429, 500, 501, 503, 599] {
        let bytes = match status {
            304 => b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec(),
            _ => answer(&format!("{status} No"), &["X-Why: because"], "no"),
        };
        let receiver = Receiver::answering(bytes).await;
        let attempt = attempt(&endpoint(&receiver.url("/"))).await;
        assert_refused(&attempt, status);
        if status != 304 {
            assert_eq!(attempt.response_body, "no");
            assert_eq!(attempt.response_headers, r#"{"x-why":"because","content-length":"2"}"#);
        }
        if status == 410 {
            assert_eq!(verdict(&attempt, &endpoint("http://x").retry, 1, 0), Verdict::Gone);
        }
    }
}

#[tokio::test]
async fn retry_after_is_read_on_429_and_503_only() {
    let cases = [
        ("429 Slow", "120", Some(120)),
        ("429 Slow", "120.1", Some(121)),
        ("429 Slow", "Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("429 Slow", "invalid", None),
        ("429 Slow", "99999999999", Some(86400)),
        ("503 Busy", "3", Some(3)),
        ("500 Oh", "3", None),
    ];
    for (status, value, expected) in cases {
        let header = format!("Retry-After: {value}");
        let receiver = Receiver::answering(answer(status, &[&header], "")).await;
        let attempt = attempt(&endpoint(&receiver.url("/"))).await;
        assert_refused(&attempt, status[..3].parse().unwrap());
        let expected = expected.map(Duration::from_secs);
        assert_eq!(attempt.retry_after, expected, "{status} {value}");
    }
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let mut bytes = hints.as_bytes().to_vec();
    bytes.extend(answer("201 Created", &[], ""));
    let receiver = Receiver::answering(bytes).await;
    assert_delivered(&attempt(&endpoint(&receiver.url("/"))).await, 201);
}

#[tokio::test]
async fn interim_answers_without_end_are_a_failure_at_once() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        while peer.send("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)).await {}
    })
    .await;
    let attempt = attempt(&endpoint(&receiver.url("/"))).await;
    let (class, message) = no_answer(&attempt);
    assert_eq!(class, ErrorClass::Protocol);
    assert!(message.contains("1xx answers without end"), "{message}");
}

#[tokio::test]
async fn an_http_1_0_receiver_is_understood() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
        peer.close().await;
    })
    .await;
    let attempt = attempt(&endpoint(&receiver.url("/"))).await;
    assert_delivered(&attempt, 200);
    assert_eq!(attempt.response_body, "until the end");
}

// A 2xx stands by its status line.

/// What comes of an answer that ends where these bytes end.
async fn cut_answer(bytes: Vec<u8>) -> Attempt {
    let bytes: Arc<[u8]> = bytes.into();
    let receiver = Receiver::start(move |mut peer| {
        let bytes = Arc::clone(&bytes);
        async move {
            peer.request().await;
            peer.send(bytes).await;
            peer.close().await;
        }
    })
    .await;
    attempt(&endpoint(&receiver.url("/"))).await
}

#[tokio::test]
async fn a_2xx_with_a_broken_body_is_a_success() {
    for (headers_and_body, kept) in [
        ("Content-Length: 100\r\n\r\nonly this", "only this"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "hel"),
        ("Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nnot", "not"),
    ] {
        let attempt = cut_answer(format!("HTTP/1.1 200 OK\r\n{headers_and_body}").into()).await;
        assert_delivered(&attempt, 200);
        assert_eq!(attempt.response_body, kept);
    }
}

#[tokio::test]
async fn a_2xx_with_broken_headers_is_a_success() {
    for headers in [
        "",
        "Content-Le",
        "no colon here\r\n\r\n",
        "Content-Length: twelve\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "Transfer-Encoding: identity, nonsense\r\n\r\n",
        "X-Binary: \u{1}\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
    ] {
        let attempt = cut_answer(format!("HTTP/1.1 202 Fine\r\n{headers}").into()).await;
        assert_delivered(&attempt, 202);
    }
    assert_refused(&cut_answer(b"HTTP/1.1 500 Oh\r\nContent-Le".to_vec()).await, 500);
}

#[tokio::test]
async fn a_2xx_stands_with_a_thousand_headers_and_with_headers_of_64_kib() {
    let mut many = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..1000 {
        many += &format!("X-{number}: {}\r\n", "v".repeat(100));
    }
    let attempt = cut_answer(format!("{many}\r\n").into()).await;
    assert_delivered(&attempt, 200);
    assert!(attempt.response_headers.len() <= 16 * 1024);
    assert!(attempt.response_headers.starts_with(r#"{"x-0":"vvv"#), "they are recorded");

    let large = format!("X-Large: {}\r\n", "v".repeat(64 * 1024));
    let head = format!("HTTP/1.1 200 OK\r\nX-First: 1\r\n{}\r\n", large.repeat(3));
    let attempt = cut_answer(head.into()).await;
    assert_delivered(&attempt, 200);
    assert_eq!(attempt.response_headers, r#"{"x-first":"1"}"#);

    // More than is parsed: the status stands alone.
    let attempt = cut_answer(format!("HTTP/1.1 200 OK\r\n{}\r\n", large.repeat(40)).into()).await;
    assert_delivered(&attempt, 200);
    let attempt = cut_answer(format!("{many}{}\r\n", &many[17..]).into()).await;
    assert_delivered(&attempt, 200);
}

#[tokio::test]
async fn response_headers_that_are_not_ascii_fail_nothing() {
    let attempt =
        cut_answer(b"HTTP/1.1 200 OK\r\nX-Place: caf\xe9 \xc3\xa9\r\n\r\n".to_vec()).await;
    assert_delivered(&attempt, 200);
    assert_eq!(attempt.response_headers, "{\"x-place\":\"caf\u{fffd} é\"}");
}

#[tokio::test]
async fn a_2xx_whose_body_never_ends_is_a_success_at_the_deadline() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nso far").await;
        peer.closed().await;
    })
    .await;
    let attempt = attempt(&hasty(&receiver.url("/"))).await;
    assert_delivered(&attempt, 200);
    assert_eq!(attempt.response_body, "so far");
    assert!(attempt.duration >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_2xx_whose_headers_never_end_is_a_success_at_the_deadline() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nX-Slow: ").await;
        peer.closed().await;
    })
    .await;
    assert_delivered(&attempt(&hasty(&receiver.url("/"))).await, 200);
}

#[tokio::test]
async fn a_refusal_whose_body_never_ends_is_what_it_says_at_the_deadline() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nlater").await;
        peer.closed().await;
    })
    .await;
    let attempt = attempt(&hasty(&receiver.url("/"))).await;
    assert_refused(&attempt, 503);
    assert_eq!(attempt.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(attempt.response_body, "later");
}

#[tokio::test]
async fn an_answer_before_the_whole_request_was_taken_counts() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.head().await;
        peer.send(answer("413 Too Large", &["Connection: close"], "")).await;
        peer.reset();
    })
    .await;
    let large = delivery(vec![b'x'; 8 << 20]);
    let (attempt, idle) = client(&endpoint(&receiver.url("/"))).attempt(None, &large, 1).await;
    assert_refused(&attempt, 413);
    assert!(idle.is_none());
}

// The body.

#[tokio::test]
async fn a_body_is_kept_up_to_the_limit_and_the_connection_survives_a_small_remainder() {
    let receiver = Receiver::answering(answer(OK, &[], &"é".repeat(KEPT))).await;
    let client = client(&endpoint(&receiver.url("/")));
    let (attempt, idle) = client.attempt(None, &delivery("{}"), 1).await;
    assert_delivered(&attempt, 200);
    assert_eq!(attempt.response_body, "é".repeat(KEPT / 2));
    let (attempt, _) = client.attempt(idle, &delivery("{}"), 1).await;
    assert_delivered(&attempt, 200);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_endless_body_is_dropped_soon() {
    for head in ["Content-Length: 1073741824\r\n", "Transfer-Encoding: chunked\r\n", ""] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let ended = Arc::new(Notify::new());
        let end = Arc::clone(&ended);
        let receiver = Receiver::start(move |mut peer| {
            let (counter, end) = (Arc::clone(&counter), Arc::clone(&end));
            async move {
                peer.request().await;
                peer.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n")).await;
                let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
                while peer.send(&chunk).await {
                    counter.fetch_add(chunk.len(), Ordering::SeqCst);
                }
                end.notify_one();
            }
        })
        .await;
        let (attempt, idle) =
            client(&endpoint(&receiver.url("/"))).attempt(None, &delivery("{}"), 1).await;
        assert_delivered(&attempt, 200);
        assert_eq!(attempt.response_body.len(), KEPT);
        assert!(idle.is_none());
        ended.notified().await;
        // What the sockets buffer is beyond our control, a gigabyte is not.
        assert!(sent.load(Ordering::SeqCst) < 64 << 20);
    }
}

#[tokio::test]
async fn a_body_is_kept_as_text_without_nul_and_without_our_secrets() {
    let head = b"HTTP/1.1 400 Bad\r\nContent-Length: 23\r\n\r\n";
    let receiver =
        Receiver::answering([&head[..], b"\0\xff key=hunter2000 gzip\x1f"].concat()).await;
    let headers = vec![("X-Key".to_owned(), Secret::new("hunter2000"))];
    let attempt = attempt(&Endpoint { headers, ..endpoint(&receiver.url("/")) }).await;
    assert_refused(&attempt, 400);
    assert_eq!(attempt.response_body, "\u{fffd}\u{fffd} key=*** gzip\u{1f}");
}

#[tokio::test]
async fn compression_is_not_asked_for() {
    let receiver = Receiver::answering(answer(OK, &[], "")).await;
    attempt(&endpoint(&receiver.url("/"))).await;
    assert_eq!(receiver.requests()[0].header("Accept-Encoding"), None);
}

#[tokio::test]
async fn secrets_in_response_headers_are_masked() {
    let headers = ["Set-Cookie: id=1", "X-Key: echoed", "X-Fine: shown"];
    let receiver = Receiver::answering(answer(OK, &headers, "")).await;
    let headers = vec![("X-Key".to_owned(), Secret::new("echoed"))];
    let attempt = attempt(&Endpoint { headers, ..endpoint(&receiver.url("/")) }).await;
    assert_eq!(
        attempt.response_headers,
        r#"{"set-cookie":"***","x-key":"***","x-fine":"shown","content-length":"0"}"#
    );
}

// Failures without an answer.

#[tokio::test]
async fn a_refused_connection_is_of_class_connect() {
    let receiver = Receiver::answering("").await;
    let endpoint = endpoint(&receiver.url("/"));
    let address = receiver.address;
    drop(receiver);
    let attempt = attempt_until_refused(&endpoint).await;
    let (class, message) = no_answer(&attempt);
    assert_eq!(class, ErrorClass::Connect);
    assert!(message.starts_with(&format!("could not connect to {address}: ")), "{message}");
}

/// The receiver's listener closes when its aborted task is next looked at.
async fn attempt_until_refused(endpoint: &Endpoint) -> Attempt {
    loop {
        let attempt = attempt(endpoint).await;
        if no_answer(&attempt).0 != ErrorClass::Reset {
            return attempt;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_of_class_reset() {
    for reset in [false, true] {
        let receiver = Receiver::start(move |mut peer| async move {
            peer.request().await;
            if reset { peer.reset() } else { peer.close().await }
        })
        .await;
        let attempt = attempt(&endpoint(&receiver.url("/?token=abc"))).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::Reset);
        assert!(message.contains("127.0.0.1 closed the connection"), "{message}");
        assert!(!message.contains("abc"), "{message}");
        assert_eq!(receiver.requests().len(), 1, "a fresh connection is not retried");
    }
}

#[tokio::test]
async fn an_answer_cut_within_its_status_line_is_of_class_reset() {
    assert_eq!(no_answer(&cut_answer(b"HTTP/1.1 20".to_vec()).await).0, ErrorClass::Reset);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_of_class_protocol() {
    for garbage in [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"\x00\x01\x02\x03\r\n\r\n", b"HTTP/3 200\r\n"]
    {
        let attempt = cut_answer(garbage.to_vec()).await;
        let (class, message) = no_answer(&attempt);
        assert_eq!(class, ErrorClass::Protocol, "{message}");
    }
}

#[tokio::test]
async fn a_silent_receiver_is_of_class_timeout() {
    let receiver = Receiver::start(|mut peer| async move { peer.closed().await }).await;
    let attempt = attempt(&hasty(&receiver.url("/"))).await;
    let expected = (ErrorClass::Timeout, "no answer from 127.0.0.1 within 500ms");
    assert_eq!(no_answer(&attempt), expected);
    assert!(attempt.duration >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_trickle_does_not_extend_the_deadline() {
    let receiver = Receiver::start(|mut peer| async move {
        peer.request().await;
        // Something comes all the time, but no answer.
        while peer.send("HTTP/1.1 102 Processing\r\n\r\n").await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(no_answer(&attempt(&hasty(&receiver.url("/"))).await).0, ErrorClass::Timeout);
}
