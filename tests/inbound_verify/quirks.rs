//! Providers that no plain declaration covers: Twilio, DocuSign, HubSpot, GitLab, Standard
//! Webhooks' second version, Mailgun, Adyen, Basic auth and tokens.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use http::HeaderValue;
use walhook::inbound::verdict::Request;

use crate::given::*;

const TWILIO: &str =
    "preset = \"twilio\"\nsecrets = [\"s\"]\npublic_url = \"https://a.example/webhooks/given\"";
const FORM: &str = "application/x-www-form-urlencoded";

fn twilio(content: &str, content_type: &str, body: &str) -> Request {
    let signature = base64(hmac_sha1("s", content));
    post(
        &[("x-twilio-signature", signature.as_str()), ("content-type", content_type)],
        body.to_owned(),
    )
}

#[test]
fn twilio_signs_the_url_with_or_without_its_port() {
    let verifier = verifier(TWILIO);
    for url in ["https://a.example/webhooks/given", "https://a.example:443/webhooks/given"] {
        let request = twilio(&format!("{url}MessageSidSM1"), FORM, "MessageSid=SM1");
        assert_eq!(reason(&verifier, &request), "ok", "{url}");
    }
    for url in [
        "https://a.example:8443/webhooks/given",
        "https://a.example/webhooks/given/",
        "http://a.example/webhooks/given",
        "https://b.example/webhooks/given",
    ] {
        let mut request = twilio(&format!("{url}MessageSidSM1"), FORM, "MessageSid=SM1");
        request.headers.insert("host", HeaderValue::from_static("b.example"));
        request.headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        assert_eq!(reason(&verifier, &request), "bad_signature", "{url}");
    }
}

#[test]
fn twilio_signs_the_query_of_the_request() {
    let verifier = verifier(TWILIO);
    let mut request =
        twilio("https://a.example/webhooks/given?foo=1MessageSidSM1", FORM, "MessageSid=SM1");
    assert_eq!(reason(&verifier, &request), "bad_signature");
    request.target = "/webhooks/given?foo=1".to_owned();
    assert_eq!(reason(&verifier, &request), "ok");
    request.target = "/webhooks/given?foo=2".to_owned();
    assert_eq!(reason(&verifier, &request), "bad_signature");
}

#[test]
fn twilio_without_a_token_has_an_id_of_message_and_status() {
    let content = "https://a.example/webhooks/givenMessageSidSM1MessageStatussent";
    let request = twilio(content, FORM, "MessageStatus=sent&MessageSid=SM1");
    let events = accepted(&verifier(TWILIO), &request);
    assert_eq!(events[0].event_id, "SM1:sent");
    assert_eq!(events[0].event_type.as_deref(), Some("sent"));
}

#[test]
fn a_twilio_body_that_is_no_form_is_bound_by_its_hash_in_the_url() {
    let (verifier, body) = (verifier(TWILIO), "{\"a\":1}");
    let query = format!("?bodySHA256={}", sha256_hex(body));
    let url = format!("https://a.example/webhooks/given{query}");
    let mut request = twilio(&url, "application/json", body);
    request.target = format!("/webhooks/given{query}");
    assert_eq!(reason(&verifier, &request), "ok");
    let other = Request { body: "{\"a\":2}".into(), ..request };
    assert_eq!(reason(&verifier, &other), "bad_signature");
    // The signature of a URL alone, as of a request without parameters, proves no body.
    let unbound = twilio("https://a.example/webhooks/given", "application/json", body);
    assert_eq!(reason(&verifier, &unbound), "missing_field");
    // Nor does it help to call JSON a form.
    let called_form = twilio("https://a.example/webhooks/given", FORM, body);
    assert_eq!(reason(&verifier, &called_form), "missing_field");
    let empty = twilio("https://a.example/webhooks/given", FORM, "&&");
    assert_eq!(reason(&verifier, &empty), "bad_body");
}

#[test]
fn a_header_may_ask_twilios_signature_to_be_stronger_and_never_weaker() {
    let content = "https://a.example/webhooks/givena1";
    let with = |signature: Vec<u8>, settings: &'static str| {
        let headers = [
            ("x-twilio-signature", base64(signature)),
            ("content-type", FORM.to_owned()),
            ("x-twilio-webhooks-signature-settings", settings.to_owned()),
        ];
        post(&headers, "a=1")
    };
    let (sha1, sha256) = (|| hmac_sha1("s", content), || hmac_sha256("s", content));
    let verifier_of = verifier;
    let verifier = verifier(TWILIO);
    for (signature, settings, expected) in [
        (sha256(), "key=k1,algorithm=HMAC_SHA256", "ok"),
        (sha256(), "key=k1, algorithm = hmac_sha256", "ok"),
        (sha1(), "key=k1,algorithm=HMAC_SHA256", "bad_signature"),
        (sha1(), "key=k1,algorithm=HMAC_SHA1", "ok"),
        (sha1(), "key=k1", "ok"),
        (sha1(), "algorithm=none", "malformed_signature"),
        (sha256(), "algorithm=HMAC_SHA256,algorithm=HMAC_SHA1", "malformed_signature"),
    ] {
        assert_eq!(reason(&verifier, &with(signature, settings)), expected, "{settings}");
    }
    let strong = verifier_of(&format!("{TWILIO}\nverify.alg = \"hmac-sha256\""));
    assert_eq!(reason(&strong, &with(sha1(), "algorithm=HMAC_SHA1")), "bad_signature");
    assert_eq!(reason(&strong, &with(sha256(), "algorithm=HMAC_SHA1")), "ok");
}

#[test]
fn docusign_has_a_header_for_each_key() {
    let verifier = verifier("preset = \"docusign\"\nsecrets = [\"s\"]");
    let good = base64(hmac_sha256("s", "{}"));
    let bad = base64(hmac_sha256("other", "{}"));
    let judged = |headers: &[(&str, &str)]| reason(&verifier, &post(headers, "{}"));
    assert_eq!(
        judged(&[("x-docusign-signature-1", &bad), ("x-docusign-signature-3", &good)]),
        "ok"
    );
    assert_eq!(judged(&[("x-docusign-signature-100", &good)]), "ok");
    assert_eq!(judged(&[("x-docusign-signature-1", &bad)]), "bad_signature");
    assert_eq!(judged(&[("x-docusign-signature-101", &good)]), "missing_signature");
    assert_eq!(judged(&[("x-docusign-signature", &good)]), "missing_signature");
    let many: Vec<(String, &str)> =
        (1..=17).map(|n| (format!("x-docusign-signature-{n}"), good.as_str())).collect();
    assert_eq!(reason(&verifier, &post(&many, "{}")), "header_too_large");
}

#[test]
fn hubspot_signs_a_url_with_some_characters_decoded() {
    let source = "preset = \"hubspot\"\nsecrets = [\"s\"]\npublic_url = \"https://a.example/x\"";
    let verifier = verifier(source);
    let at = format!("{NOW}000");
    let signed = |url: &str| {
        let signature = base64(hmac_sha256("s", format!("POST{url}[]{at}")));
        let headers =
            [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", at.clone())];
        Request { target: "/webhooks/given?a=%40b%20".to_owned(), ..post(&headers, "[]") }
    };
    for (url, expected) in [
        ("https://a.example/x?a=@b%20", "ok"),
        ("https://a.example/x?a=%40b%20", "ok"),
        ("https://a.example/x?a=@b ", "bad_signature"),
        ("https://a.example/x", "bad_signature"),
    ] {
        assert_eq!(reason(&verifier, &signed(url)), expected, "{url}");
    }
}

#[test]
fn gitlab_signs_or_shows_a_token() {
    let key = format!("whsec_{}", base64([9; 32]));
    let verifier_of =
        |secrets: &str| verifier(&format!("preset = \"gitlab\"\nsecrets = [{secrets}]"));
    let content = format!("w1.{NOW}.{{}}");
    let at = NOW.to_string();
    let signature = format!("v1,{}", base64(hmac_sha256([9; 32], content)));
    let signed = post(
        &[
            ("webhook-id", "w1"),
            ("webhook-timestamp", &at),
            ("webhook-signature", &signature),
            ("x-gitlab-event", "Push Hook"),
        ],
        "{}",
    );
    let both = verifier_of(&format!("\"{key}\", \"token\""));
    let events = accepted(&both, &signed);
    assert_eq!(events[0].event_id, "w1");
    assert_eq!(events[0].event_type.as_deref(), Some("Push Hook"));
    let shown = |token: &str| post(&[("x-gitlab-token", token), ("idempotency-key", "k1")], "{}");
    assert_eq!(accepted(&both, &shown("token"))[0].event_id, "k1");
    // A signing token is no secret token, and a token beside a wrong signature proves nothing.
    assert_eq!(reason(&both, &shown(&key)), "bad_credentials");
    let mut forged = Request { body: "[]".into(), ..signed };
    forged.headers.insert("x-gitlab-token", HeaderValue::from_static("token"));
    assert_eq!(reason(&both, &forged), "bad_signature");
    let missing = rejection(&both, &post::<&str, &str>(&[], "{}"));
    assert_eq!(missing.reason.as_str(), "missing_signature");
    assert_eq!(
        missing.detail.as_deref(),
        Some("no header webhook-signature or header x-gitlab-token")
    );
}

#[test]
fn a_version_of_standard_webhooks_has_its_own_kind_of_key() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let public = pair.public_key().as_ref();
    let content = format!("m1.{NOW}.{{}}");
    let v1a = base64(pair.sign(content.as_bytes()));
    let v1 = base64(hmac_sha256([5; 32], &content));
    let confused = base64(hmac_sha256(public, &content));
    let signed = |signature: &str| {
        let at = NOW.to_string();
        let headers = [
            ("webhook-id", "m1"),
            ("webhook-timestamp", at.as_str()),
            ("webhook-signature", signature),
        ];
        post(&headers, "{}")
    };
    let keys = format!("\"whsec_{}\", \"whpk_{}\"", base64([5; 32]), base64(public));
    let verifier = verifier(&format!("preset = \"standard-webhooks\"\nsecrets = [{keys}]"));
    for (signature, expected) in [
        (format!("v1,{v1}"), "ok"),
        (format!("v1a,{v1a}"), "ok"),
        (format!("v1,AAAA v1a,{v1a}"), "ok"),
        (format!("v2,{v1} v1,{v1}"), "ok"),
        (format!("v1,!!! v1,{v1}"), "ok"),
        (format!("v1,{v1a}"), "bad_signature"),
        (format!("v1a,{v1}"), "bad_signature"),
        (format!("v1,{confused}"), "bad_signature"),
        (format!("v1a,{confused}"), "bad_signature"),
        ("v1,!!!".to_owned(), "malformed_signature"),
        (format!("v2,{v1}"), "malformed_signature"),
        ("v1,".to_owned(), "missing_signature"),
        (v1, "malformed_signature"),
    ] {
        assert_eq!(reason(&verifier, &signed(&signature)), expected, "{signature}");
    }
}

const MAILGUN: &str = "preset = \"mailgun\"\nsecrets = [\"s\"]";

fn mailgun(timestamp: &str, token: &str) -> String {
    let signature = hex(hmac_sha256("s", format!("{timestamp}{token}")));
    format!(
        r#"{{"signature":{{"timestamp":"{timestamp}","token":"{token}","signature":"{signature}"}},"event-data":{{"id":"e1","event":"opened"}}}}"#
    )
}

#[test]
fn mailgun_hands_out_its_token_to_be_used_once() {
    let body = mailgun("1780000000", "tok");
    let json = [("content-type", "application/json")];
    let accepted = accepted_post(&verifier(MAILGUN), &post(&json, body.clone()));
    assert_eq!(accepted.replay.as_deref(), Some("tok"));
    assert_eq!(accepted.events[0].event_id, "e1");
    let verifier = verifier(MAILGUN);
    for (from, to, expected) in [
        ("\"token\":\"tok\"", "\"token\":\"\"", "missing_field"),
        ("\"token\":\"tok\"", "\"token\":{}", "malformed_signature"),
        ("\"timestamp\":\"1780000000\"", "\"timestamp\":1780000000", "ok"),
        ("\"timestamp\":\"1780000000\"", "\"timestamp\":null", "missing_timestamp"),
        ("\"timestamp\":\"1780000000\"", "\"timestamp\":true", "malformed_timestamp"),
        ("\"signature\":{", "\"other\":{", "missing_signature"),
        ("\"signature\":{", "\"signature\":[{", "bad_body"),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_eq!(reason(&verifier, &post(&json, changed)), expected, "{to}");
    }
}

#[test]
fn basic_auth_takes_user_and_password_whole() {
    let verifier = verifier("preset = \"postmark\"\nsecrets = [\"user:pass\"]");
    let judged = |value: &str| {
        reason(&verifier, &post(&[("authorization", value), ("x-pm-webhook-trace-id", "t")], "{}"))
    };
    let good = base64("user:pass");
    assert_eq!(judged(&format!("Basic {good}")), "ok");
    assert_eq!(judged(&format!("basic {good}")), "ok");
    for bad in [
        format!("Basic {}", base64("user:pas")),
        format!("Basic {}", base64("user:passs")),
        format!("Basic {}", base64("user")),
        format!("Bearer {good}"),
        "Basic !!!".to_owned(),
        good,
    ] {
        assert_eq!(judged(&bad), "bad_credentials", "{bad}");
    }
    assert_eq!(judged(""), "missing_signature");
    assert_eq!(judged("Basic "), "missing_signature");
}

const ADYEN: &str = "preset = \"adyen\"\nsecrets = [\"00ff\", \"0102\"]";

fn adyen_item(key: &[u8], reference: &str, value: &str) -> String {
    let signed = format!("p1::m1:{reference}:{value}:EUR:CAPTURE:true");
    let signature = base64(hmac_sha256(key, signed));
    format!(
        r#"{{"NotificationRequestItem":{{"pspReference":"p1","merchantAccountCode":"m1","merchantReference":"{reference}","amount":{{"value":{value},"currency":"EUR"}},"eventCode":"CAPTURE","success":"true","additionalData":{{"hmacSignature":"{signature}"}}}}}}"#
    )
}

#[test]
fn every_item_of_adyen_must_be_signed() {
    let verifier = verifier(ADYEN);
    let (first, second) = (adyen_item(&[0, 255], "r:1", "1130"), adyen_item(&[1, 2], "é", "-5"));
    let body = |items: &str| format!(r#"{{"live":"false","notificationItems":[{items}]}}"#);
    let judged = |body: String| reason(&verifier, &post::<&str, &str>(&[], body));
    let events = accepted(&verifier, &post::<&str, &str>(&[], body(&format!("{first}, {second}"))));
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].event_id, "p1:CAPTURE:true");
    assert!(events[0].payload.as_ref().unwrap().starts_with("{\"pspReference\""));
    assert_eq!(events[1].raw, second);
    assert_eq!(judged(body(&format!("{first},{}", adyen_item(&[7], "x", "1")))), "bad_signature");
    assert_eq!(judged(body(&first.replace("1130", "1131"))), "bad_signature");
    assert_eq!(judged(body(&first.replace("hmacSignature", "x"))), "missing_signature");
    assert_eq!(judged(body(&first.replace("\"r:1\"", "[]"))), "malformed_signature");
    assert_eq!(judged(body("")), "missing_signature");
    assert_eq!(judged("{}".to_owned()), "missing_signature");
    assert_eq!(judged("hello".to_owned()), "bad_body");
}

#[test]
fn adyen_signs_other_bodies_whole_in_a_header() {
    let (verifier, body) = (verifier(ADYEN), r#"{"type":"balancePlatform.transfer.created"}"#);
    let signed = |key: [u8; 2]| post(&[("hmacsignature", base64(hmac_sha256(key, body)))], body);
    assert_eq!(reason(&verifier, &signed([1, 2])), "ok");
    assert_eq!(reason(&verifier, &signed([1, 3])), "bad_signature");
}
