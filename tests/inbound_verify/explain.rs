//! What is said of a request whose signature fails: only what would match.

use walhook::inbound::verdict::Request;

use crate::given::*;

fn hints(settings: &str, request: &Request) -> Vec<String> {
    verifier(settings).explain(request, NOW * 1_000)
}

/// A generic request whose signature is `signature`.
fn generic(signature: String, body: &'static str) -> Request {
    let headers = [("x-webhook-signature", signature), ("x-webhook-timestamp", NOW.to_string())];
    post(&headers, body)
}

fn generic_by(key: impl AsRef<[u8]>, content: String, body: &'static str) -> Request {
    generic(format!("sha256={}", hex(hmac_sha256(key, content))), body)
}

const GENERIC: &str = "preset = \"generic\"\nsecrets = [\"s\"]";

#[test]
fn a_body_that_was_touched_is_named() {
    for (signed, body, hint) in [
        ("{}", "{}\n", "it would match without the final newline of the body"),
        ("{}", "{}\r\n", "it would match without the final newline of the body"),
        ("{}\n", "{}", "it would match with a newline at the end of the body"),
        ("{}\r\n", "{}", "it would match with CR LF at the end of the body"),
        ("{\n}", "{\r\n}", "it would match with the body's line ends as LF"),
        ("{\r\n}", "{\n}", "it would match with the body's line ends as CR LF"),
        (
            r#"{"a":[1,"x y"]}"#,
            "{ \"a\": [1, \"x y\"] }",
            "it would match with the white space between the JSON's values left out",
        ),
        ("{}", "\u{feff}{}", "it would match without the body's byte order mark"),
    ] {
        let request = generic_by("s", format!("{NOW}.{signed}"), body);
        assert_eq!(hints(GENERIC, &request), [hint], "{body:?}");
    }
}

#[test]
fn a_secret_that_is_read_in_the_wrong_way_is_named() {
    let by = |key: &[u8]| generic_by(key, format!("{NOW}.{{}}"), "{}");
    for (secret, key, hint) in [
        ("whsec_AP8=", &b"\x00\xff"[..], "with the secret read as base64"),
        ("AP8=", b"\x00\xff", "with the secret read as base64"),
        ("00ff", b"\x00\xff", "with the secret read as hex"),
        ("whsec_AP8=", b"AP8=", "with the secret without its whsec_"),
        ("AP8=", b"whsec_AP8=", "with whsec_ before the secret"),
        ("s", b"s\n", "with a newline at the end of the secret"),
    ] {
        let settings = format!("preset = \"generic\"\nsecrets = [\"other\", \"{secret}\"]");
        assert_eq!(hints(&settings, &by(key)), [format!("it would match {hint}")], "{secret}");
    }
    let secret = format!("whsec_{}", base64([5; 32]));
    let signature = base64(hmac_sha256(&secret, format!("m1.{NOW}.{{}}")));
    let headers = [
        ("webhook-id", "m1".to_owned()),
        ("webhook-timestamp", NOW.to_string()),
        ("webhook-signature", format!("v1,{signature}")),
    ];
    let settings = format!("preset = \"standard-webhooks\"\nsecrets = [\"{secret}\"]");
    assert_eq!(
        hints(&settings, &post(&headers, "{}")),
        ["it would match with the secret's text itself and whsec_ before it"]
    );
}

#[test]
fn another_content_is_named() {
    for (content, hint) in [
        ("{}".to_owned(), "if the body alone were signed"),
        (format!("{{}}{NOW}"), "if body and timestamp were signed, with nothing between"),
        (format!("{NOW}{{}}"), "if timestamp and body were signed, with nothing between"),
        (format!("v0:{NOW}:{{}}"), "if v0:timestamp:body were signed"),
    ] {
        let request = generic_by("s", content, "{}");
        assert_eq!(hints(GENERIC, &request), [format!("it would match {hint}")]);
    }
}

#[test]
fn another_spelling_of_the_url_is_named() {
    let signed = |url: &str| {
        let signature = base64(hmac_sha256("s", format!("{url}{{}}")));
        post(&[("x-square-hmacsha256-signature", signature)], "{}")
    };
    let settings = "preset = \"square\"\nsecrets = [\"s\"]\npublic_url = \"https://a.example/x\"";
    for (url, hint) in [
        ("https://a.example/x/", "if public_url ended in a slash, or did not"),
        ("http://a.example/x", "if public_url had the other of http and https"),
        (
            "http://a.example/x/",
            "if public_url had the other of http and https, and the other ending",
        ),
    ] {
        assert_eq!(hints(settings, &signed(url)), [format!("it would match {hint}")]);
    }
}

#[test]
fn another_encoding_is_named() {
    let hmac = hmac_sha256("s", format!("{NOW}.{{}}"));
    let request = generic(format!("sha256={}", base64(&hmac)), "{}");
    assert_eq!(hints(GENERIC, &request), ["it would match if the signature were read as base64"]);
    let request = generic(hex(&hmac), "{}");
    assert_eq!(hints(GENERIC, &request), ["it would match if the signature had no prefix"]);
    let signature = hex(hmac_sha1("s", format!("{NOW}.{{}}")));
    let request = generic(format!("sha256={signature}"), "{}");
    assert_eq!(hints(GENERIC, &request), ["it would match as HMAC-SHA1"]);
}

#[test]
fn two_mistakes_are_named_together() {
    let request = generic_by("s", "{}".to_owned(), "{}\n");
    assert_eq!(
        hints(GENERIC, &request),
        ["it would match without the final newline of the body, and if the body alone were signed"]
    );
}

#[test]
fn a_stale_request_says_when_it_was_fresh() {
    let request = stripe(NOW - 301, "{}");
    assert_eq!(
        hints(STRIPE, &request),
        ["the signature is right, and the request would be fresh from 2026-05-28T20:16:39Z to \
          2026-05-28T20:26:39Z"]
    );
}

#[test]
fn nothing_is_said_of_good_requests_and_of_foreign_secrets() {
    assert_eq!(hints(STRIPE, &stripe(NOW, "{}")), [""; 0]);
    assert_eq!(hints("preset = \"stripe\"\nsecrets = [\"x\"]", &stripe(NOW, "{}")), [""; 0]);
    assert_eq!(hints(STRIPE, &post::<&str, &str>(&[], "{}")), [""; 0]);
}

#[test]
fn a_stale_request_with_a_mistake_is_explained_all_the_same() {
    let mut request = stripe(1_234_567_890, "{}");
    request.body = "{}\n".into();
    assert_eq!(hints(STRIPE, &request), ["it would match without the final newline of the body"]);
}
