//! Requests of a provider's set-up: answered if genuine or awaited, and never events.

use http::Method;
use walhook::inbound::verdict::Request;

use crate::given::*;

#[test]
fn slacks_challenge_goes_back_once_its_signature_holds() {
    let verifier = verifier("preset = \"slack\"\nsecrets = [\"s\"]");
    let body = r#"{"token":"t","challenge":"3eZbrw1aB10","type":"url_verification"}"#;
    let signed = |key: &str| {
        let signature = hex(hmac_sha256(key, format!("v0:{NOW}:{body}")));
        let at = NOW.to_string();
        let headers =
            [("x-slack-signature", format!("v0={signature}")), ("x-slack-request-timestamp", at)];
        post(&headers, body)
    };
    let answer = handshake(&verifier, &signed("s"));
    assert_eq!(
        (answer.body.as_str(), answer.content_type),
        ("3eZbrw1aB10", "text/plain; charset=utf-8")
    );
    assert_eq!(reason(&verifier, &signed("other")), "bad_signature");
}

#[test]
fn zooms_token_goes_back_with_its_hmac_by_the_key_that_signed() {
    let verifier = verifier("preset = \"zoom\"\nsecrets = [\"new\", \"old\"]");
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6"}}"#;
    let signature = hex(hmac_sha256("old", format!("v0:{NOW}:{body}")));
    let headers = [
        ("x-zm-signature", format!("v0={signature}")),
        ("x-zm-request-timestamp", NOW.to_string()),
    ];
    let answer = handshake(&verifier, &post(&headers, body));
    let expected = format!(
        r#"{{"plainToken":"qgg8vlvZRS6","encryptedToken":"{}"}}"#,
        hex(hmac_sha256("old", "qgg8vlvZRS6"))
    );
    assert_eq!((answer.body, answer.content_type), (expected, "application/json"));
}

const META: &str = "preset = \"meta\"\nsecrets = [\"s\"]\nverify_token = \"meaty\"";

fn get(query: &str) -> Request {
    let target = format!("/webhooks/given?{query}");
    Request { method: Method::GET, target, ..post::<&str, &str>(&[], "") }
}

#[test]
fn metas_challenge_goes_back_to_who_knows_the_token() {
    let meta = verifier(META);
    let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meaty";
    let answer = handshake(&meta, &get(good));
    assert_eq!(answer.body, "1158201444");
    assert!(answer.content_type.starts_with("text/plain"));
    for (from, to, expected) in [
        ("meaty", "meatyy", "bad_credentials"),
        ("meaty", "", "missing_field"),
        ("subscribe", "unsubscribe", "missing_field"),
        ("hub.challenge", "challenge", "missing_field"),
        ("1158201444", "a%0Ab", "missing_field"),
    ] {
        assert_eq!(reason(&meta, &get(&good.replace(from, to))), expected, "{to}");
    }
    let without = verifier(&META.replace("\nverify_token = \"meaty\"", ""));
    assert_eq!(reason(&without, &get(good)), "bad_credentials");
    assert_eq!(reason(&verifier(GITHUB), &get(good)), "missing_signature");
}

#[test]
fn gustos_token_is_told_only_while_it_is_awaited_and_comes_alone() {
    let gusto = "preset = \"gusto\"\nsecrets = [\"s\"]";
    let pending = verifier(&format!("{gusto}\nhandshake_pending = true"));
    let request = |body: &str| post::<&str, &str>(&[], body.to_owned());
    let alone = request(r#"{ "verification_token" : "6590f590-3dba" }"#);
    let tell = handshake(&pending, &alone).tell.unwrap();
    assert!(tell.ends_with("6590f590-3dba"), "{tell}");
    assert_eq!(reason(&verifier(gusto), &alone), "missing_signature");
    for body in [
        r#"{"verification_token":"6590","event_type":"payroll.paid"}"#,
        r#"{"event_type":"payroll.paid","verification_token":"6590"}"#,
        r#"{"verification_token":"65","verification_token":"90"}"#,
        r#"{"verification_token":6590}"#,
        r#"{"verification_token":""}"#,
        r#"{"verification_token":"two\nlines"}"#,
        r#"[{"verification_token":"6590"}]"#,
        "{}",
        "",
        "hello",
    ] {
        assert_eq!(reason(&pending, &request(body)), "missing_signature", "{body}");
    }
}

#[test]
fn discords_ping_is_answered_and_its_probe_refused() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = hex(key.public_key());
    let verifier = verifier(&format!("preset = \"discord\"\nsecrets = [\"{public}\"]"));
    let (body, at) = (r#"{"id":"1","type":1}"#, NOW.to_string());
    let ping = |signature: String| {
        post(&[("x-signature-ed25519", signature), ("x-signature-timestamp", at.clone())], body)
    };
    let signature = hex(key.sign(format!("{at}{body}").as_bytes()));
    let answer = handshake(&verifier, &ping(signature));
    assert_eq!((answer.body.as_str(), answer.content_type), (r#"{"type":1}"#, "application/json"));
    assert_eq!(reason(&verifier, &ping("ab".repeat(64))), "bad_signature");
}
