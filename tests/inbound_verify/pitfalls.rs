//! What has gone wrong elsewhere, as `inbound-providers.md` lists it.

use http::HeaderValue;
use walhook::inbound::verdict::Request;

use crate::given::*;

#[test]
fn a_stripe_header_is_read_without_leniency() {
    let verifier = verifier(STRIPE);
    let body = r#"{"id":"evt_1"}"#;
    let good = hex(hmac_sha256("whsec_s", format!("{NOW}.{body}")));
    let zeros = "0".repeat(64);
    let judged = |value: String| reason(&verifier, &post(&[("stripe-signature", value)], body));
    for (value, expected) in [
        (format!("t={NOW},v1={good}"), "ok"),
        (format!("t={NOW}, v1={good}"), "ok"),
        (format!("v1={good},t={NOW}"), "ok"),
        (format!("t={NOW},v0=x,v1={zeros},v1={good}"), "ok"),
        (format!("t={NOW},v1=zz,v1={good}"), "ok"),
        (format!("t={NOW},t={NOW},v1={good}"), "malformed_timestamp"),
        (format!("t={NOW},t=,v1={good}"), "malformed_timestamp"),
        (format!("t=0{NOW},v1={good}"), "malformed_timestamp"),
        (format!("t=+{NOW},v1={good}"), "malformed_timestamp"),
        (format!("t={NOW}.0,v1={good}"), "malformed_timestamp"),
        (format!("t= {NOW},v1={good}"), "malformed_timestamp"),
        (format!("t=,v1={good}"), "missing_timestamp"),
        (format!("v1={good}"), "missing_timestamp"),
        (format!("t={NOW}"), "missing_signature"),
        (format!("t={NOW},v1="), "missing_signature"),
        (format!("t={NOW},v0={good}"), "missing_signature"),
        (format!("t={NOW};v1={good}"), "missing_signature"),
        (format!("t={NOW},V1={good}"), "missing_signature"),
        (format!("t={NOW},v1={}", &good[..63]), "malformed_signature"),
        (format!("t={NOW},v1={}", &good[..62]), "bad_signature"),
        (format!("t={NOW},v1={good}00"), "bad_signature"),
        ("=".to_owned(), "missing_signature"),
        ("nonsense".to_owned(), "malformed_signature"),
    ] {
        assert_eq!(judged(value.clone()), expected, "{value}");
    }
}

#[test]
fn no_more_than_sixteen_candidates_and_eight_kibibytes_are_looked_at() {
    let verifier = verifier(STRIPE);
    let good = hex(hmac_sha256("whsec_s", format!("{NOW}.{{}}")));
    let with = |count: usize| {
        let others = format!("v1={},", "0".repeat(64)).repeat(count);
        post(&[("stripe-signature", format!("t={NOW},{others}v1={good}"))], "{}")
    };
    assert_eq!(reason(&verifier, &with(15)), "ok");
    assert_eq!(reason(&verifier, &with(16)), "header_too_large");
    let mut long = with(0);
    let value = format!("t={NOW},v0={},v1={good}", "a".repeat(8 * 1024));
    long.headers.insert("stripe-signature", HeaderValue::from_str(&value).unwrap());
    assert_eq!(reason(&verifier, &long), "header_too_large");
}

#[test]
fn a_header_that_stands_twice_is_joined_in_lists_and_refused_elsewhere() {
    let stripe_verifier = verifier(STRIPE);
    let good = hex(hmac_sha256("whsec_s", format!("{NOW}.{{}}")));
    let two = post(
        &[("stripe-signature", format!("t={NOW}")), ("stripe-signature", format!("v1={good}"))],
        "{}",
    );
    assert_eq!(reason(&stripe_verifier, &two), "ok");
    let twice = |name: &'static str, verifier_of: &str, mut request: Request| {
        let value = request.headers[name].clone();
        request.headers.append(name, value);
        reason(&verifier(verifier_of), &request)
    };
    assert_eq!(twice("x-hub-signature-256", GITHUB, github("{}")), "malformed_signature");
    assert_eq!(twice("x-github-delivery", GITHUB, github("{}")), "bad_body");
    assert_eq!(twice("stripe-signature", STRIPE, stripe(NOW, "{}")), "malformed_timestamp");
    let generic = "preset = \"generic\"\nsecrets = [\"s\"]";
    let signature = format!("sha256={}", hex(hmac_sha256("s", format!("{NOW}.{{}}"))));
    let headers = [("x-webhook-signature", signature), ("x-webhook-timestamp", NOW.to_string())];
    let request = post(&headers, "{}");
    assert_eq!(twice("x-webhook-timestamp", generic, request), "malformed_timestamp");
}

#[test]
fn a_digit_that_moves_between_time_and_text_changes_nothing_for_the_better() {
    let off = "tolerance_past = 0\ntolerance_future = 0";
    // Mailgun: the token's first digits could be the time's last.
    let signature = hex(hmac_sha256("s", "17800000000abc"));
    let body = |timestamp: &str, token: &str| {
        format!(
            r#"{{"signature":{{"timestamp":"{timestamp}","token":"{token}","signature":"{signature}"}},"event-data":{{"id":"e","event":"x"}}}}"#
        )
    };
    let mailgun = verifier(&format!("preset = \"mailgun\"\nsecrets = [\"s\"]\n{off}"));
    let judged = |timestamp: &str, token: &str| {
        reason(&mailgun, &post::<&str, &str>(&[], body(timestamp, token)))
    };
    assert_eq!(judged("1780000000", "0abc"), "ok");
    assert_eq!(judged("178000000", "00abc"), "timestamp_too_old");
    assert_eq!(judged("17800000000", "abc"), "timestamp_in_future");
    // BambooHR: a form's last digits could be the time's first.
    let bamboohr = verifier(&format!("preset = \"bamboohr\"\nsecrets = [\"s\"]\n{off}"));
    let signature = hex(hmac_sha256("s", "type=a&id=101780000000"));
    let judged = |body: &'static str, timestamp: &str| {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-bamboohr-signature", signature.as_str()),
            ("x-bamboohr-timestamp", timestamp),
        ];
        reason(&bamboohr, &post(&headers, body))
    };
    assert_eq!(judged("type=a&id=10", "1780000000"), "ok");
    assert_eq!(judged("type=a&id=101", "780000000"), "timestamp_too_old");
    assert_eq!(judged("type=a&id=1", "01780000000"), "malformed_timestamp");
    assert_eq!(judged("type=a&id=", "101780000000"), "timestamp_in_future");
}

#[test]
fn linears_unsigned_timestamp_header_is_ignored() {
    let verifier = verifier("preset = \"linear\"\nsecrets = [\"s\"]");
    let body = r#"{"webhookTimestamp":1779999939000}"#;
    let now = format!("{NOW}000");
    let headers = [("linear-signature", hex(hmac_sha256("s", body))), ("linear-timestamp", now)];
    let stale = rejection(&verifier, &post(&headers, body));
    assert_eq!((stale.reason.as_str(), stale.skew_seconds), ("timestamp_too_old", Some(-61)));
    for (body, expected) in [
        (r#"{"webhookTimestamp":"1780000000000"}"#, "ok"),
        (r#"{"webhookTimestamp":1780000000000.0}"#, "malformed_timestamp"),
        (r#"{"webhookTimestamp":[]}"#, "malformed_timestamp"),
        (r#"{"webhookTimestamp":null}"#, "missing_timestamp"),
        ("{}", "missing_timestamp"),
        ("{", "bad_body"),
    ] {
        let headers = [("linear-signature", hex(hmac_sha256("s", body)))];
        assert_eq!(reason(&verifier, &post(&headers, body)), expected, "{body}");
    }
}

#[test]
fn signed_garbage_is_a_bad_body_and_nothing_worse() {
    let verifier = verifier(STRIPE);
    for body in [
        &b""[..],
        b" ",
        b"hello",
        b"{\"id\":\"\xff\"}",
        b"{\"id\":\"evt_1\"",
        b"[]",
        b"null",
        b"\"text\"",
        b"7",
        b"{}{}",
        b"\xef\xbb\xbf",
    ] {
        let request = stripe(NOW, body);
        let rejection = rejection(&verifier, &request);
        assert_eq!(rejection.reason.as_str(), "bad_body", "{}", body.escape_ascii());
        assert_eq!(rejection.skew_seconds, Some(0));
        assert_eq!(rejection.reason.status(), http::StatusCode::BAD_REQUEST);
    }
    assert_eq!(reason(&verifier, &stripe(NOW, "\u{feff}{\"id\":\"evt_1\"}")), "ok");
}

#[test]
fn credentials_are_kept_nowhere() {
    let mut request = github("{}");
    for name in ["authorization", "cookie", "proxy-authorization", "x-gitlab-token", "x-api-key"] {
        request.headers.insert(name, HeaderValue::from_static("hunter2"));
    }
    request.headers.append("x-twice", HeaderValue::from_static("1"));
    request.headers.append("x-twice", HeaderValue::from_static("2"));
    request.headers.insert("x-latin", HeaderValue::from_bytes(b"\xe9").unwrap());
    let long = "é".repeat(1_000);
    request.headers.insert("x-long", HeaderValue::from_bytes(long.as_bytes()).unwrap());
    let post = accepted_post(&verifier(GITHUB), &request);
    assert!(!post.headers.contains("hunter2"), "{}", post.headers);
    let kept: serde_json::Value = serde_json::from_str(&post.headers).unwrap();
    assert_eq!(kept["x-github-event"], "push");
    assert_eq!(kept["x-twice"], "1, 2");
    assert_eq!(kept["x-latin"], "\u{fffd}");
    assert_eq!(kept["x-long"], "é".repeat(512));
    let shown = "verify = { alg = \"token\", signature = { from = \"h:X-Own\", encoding = \"text\" } }\nsecrets = [\"hunter2\"]";
    let token = crate::given::post(&[("x-own", "hunter2"), ("x-other", "1")], "{}");
    let post = accepted_post(&verifier(shown), &token);
    assert_eq!(&*post.headers, r#"{"x-other":"1"}"#);
}

#[test]
fn the_number_of_kept_headers_is_bounded() {
    let mut request = github("{}");
    for number in 0..100 {
        let name: http::HeaderName = format!("x-{number}").parse().unwrap();
        request.headers.insert(name, HeaderValue::from_static("1"));
    }
    let post = accepted_post(&verifier(GITHUB), &request);
    let kept: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&post.headers).unwrap();
    assert_eq!(kept.len(), 64);
}

#[test]
fn no_rejection_repeats_what_was_sent() {
    let mut requests = vec![
        stripe("hunter2", "{}"),
        post(&[("stripe-signature", "t=1,v1=hunter2")], "hunter2"),
        post(&[("stripe-signature", "hunter2")], "hunter2"),
        stripe(NOW, "hunter2"),
    ];
    requests.push(Request { target: "/hunter2?hunter2".to_owned(), ..stripe(1, "{}") });
    for request in requests {
        let rejection = rejection(&verifier(STRIPE), &request);
        assert!(!format!("{rejection:?}").contains("hunter2"), "{rejection:?}");
    }
}

#[test]
fn a_header_that_is_no_text_is_refused() {
    let mut request = github("{}");
    let bytes = HeaderValue::from_bytes(b"sha256=\xff\xfe").unwrap();
    request.headers.insert("x-hub-signature-256", bytes.clone());
    assert_eq!(reason(&verifier(GITHUB), &request), "malformed_signature");
    let mut request = stripe(NOW, "{}");
    request.headers.insert("stripe-signature", bytes);
    assert_eq!(reason(&verifier(STRIPE), &request), "malformed_signature");
}

#[test]
fn tokens_are_compared_whole() {
    let token = "verify = { alg = \"token\", signature = { from = \"h:Authorization\", prefix = \"Bearer \", encoding = \"text\" } }\nsecrets = [\"t0ken\", \"old\"]";
    let verifier = verifier(token);
    let judged = |value: &str| reason(&verifier, &post(&[("authorization", value)], "{}"));
    assert_eq!(judged("Bearer t0ken"), "ok");
    assert_eq!(judged("bearer old"), "ok");
    for bad in ["Bearer t0ke", "Bearer t0ken2", "Bearer  t0ken", "t0ken", "Basic t0ken"] {
        assert_eq!(judged(bad), "bad_credentials", "{bad}");
    }
}
