//! Providers that sign with a certificate: PayPal and Amazon SNS.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use walhook::inbound::verdict::{Request, Verdict};

use crate::given::*;

/// A key, and its certificate for a name from 2026 to 2027, in PEM.
fn certificate(name: &str) -> String {
    let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(key()).unwrap();
    let pair = rcgen::KeyPair::try_from(pkcs8.as_ref()).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2027, 1, 1);
    parameters.self_signed(&pair).unwrap().pem()
}

fn key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

fn signature(content: impl AsRef<[u8]>) -> String {
    let mut bytes = vec![0; key().public_modulus_len()];
    key().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), content.as_ref(), &mut bytes).unwrap();
    base64(bytes)
}

const PAYPAL: &str = "preset = \"paypal\"\nwebhook_id = \"1JE4\"";
const PAYPAL_URL: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";
const PAYPAL_NAME: &str = "messageverificationcerts.paypal.com";
/// Its CRC32 is 3904355907.
const PAYPAL_BODY: &str = "a";

fn paypal(changes: &[(&'static str, &str)]) -> Request {
    let content = "69cd|2026-05-28T20:26:40Z|1JE4|3904355907";
    let mut headers = vec![
        ("paypal-transmission-id", "69cd".to_owned()),
        ("paypal-transmission-time", "2026-05-28T20:26:40Z".to_owned()),
        ("paypal-transmission-sig", signature(content)),
        ("paypal-cert-url", PAYPAL_URL.to_owned()),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
    ];
    for (name, value) in changes {
        headers.retain(|(other, _)| other != name);
        headers.push((name, (*value).to_owned()));
    }
    post(&headers, PAYPAL_BODY)
}

fn with_certificate(settings: &str, request: &Request, pem: &str) -> &'static str {
    match verifier(settings).judge(request, NOW * 1_000, Some(pem.as_bytes())) {
        Verdict::Rejected(rejection) => rejection.reason.as_str(),
        Verdict::Events(_) | Verdict::Handshake(_) => "ok",
        Verdict::NeedsCertificate(_) => "needs certificate",
    }
}

#[test]
fn paypals_certificate_is_asked_for_and_then_believed() {
    let url = match judge(&verifier(PAYPAL), &paypal(&[])) {
        Verdict::NeedsCertificate(url) => url,
        other => panic!("{other:?}"),
    };
    assert_eq!(url, PAYPAL_URL);
    let pem = certificate(PAYPAL_NAME);
    // The body is no JSON, and that is all that is wrong with it.
    assert_eq!(with_certificate(PAYPAL, &paypal(&[]), &pem), "bad_body");
    for name in ["messageverificationcerts.paypal.com.evil.example", "localhost"] {
        assert_eq!(with_certificate(PAYPAL, &paypal(&[]), &certificate(name)), "bad_cert_url");
    }
    assert_eq!(with_certificate(PAYPAL, &paypal(&[]), "<html>"), "bad_cert_url");
}

#[test]
fn what_paypal_signs_is_the_id_the_time_our_id_and_the_crc() {
    let pem = certificate(PAYPAL_NAME);
    for (name, value, expected) in [
        ("paypal-transmission-id", "69ce", "bad_signature"),
        ("paypal-transmission-time", "2026-05-28T20:26:41Z", "bad_signature"),
        ("paypal-transmission-time", "yesterday", "malformed_timestamp"),
        ("paypal-transmission-sig", "!", "malformed_signature"),
        ("paypal-transmission-sig", "AAAA", "bad_signature"),
        ("paypal-auth-algo", "SHA1withRSA", "malformed_signature"),
        ("paypal-cert-url", "https://api.paypal.com.evil.example/v1/x", "bad_cert_url"),
        ("paypal-cert-url", "http://api.paypal.com/v1/notifications/certs/C", "bad_cert_url"),
        ("paypal-transmission-sig", "", "missing_signature"),
        ("paypal-transmission-time", "", "missing_timestamp"),
        ("paypal-transmission-id", "", "missing_field"),
        ("paypal-cert-url", "", "missing_field"),
        ("paypal-auth-algo", "", "missing_field"),
    ] {
        let request = paypal(&[(name, value)]);
        assert_eq!(with_certificate(PAYPAL, &request, &pem), expected, "{name} {value}");
    }
    let other = PAYPAL.replace("1JE4", "2JE4");
    assert_eq!(with_certificate(&other, &paypal(&[]), &pem), "bad_signature");
    let changed = Request { body: "b".into(), ..paypal(&[]) };
    assert_eq!(with_certificate(PAYPAL, &changed, &pem), "bad_signature");
    let long = "A".repeat(9_000);
    let request = paypal(&[("paypal-transmission-sig", &long)]);
    assert_eq!(with_certificate(PAYPAL, &request, &pem), "header_too_large");
}

const ARN: &str = "arn:aws:sns:us-west-2:123456789012:MyTopic";
const SNS_URL: &str = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-1.pem";

fn sns_settings(more: &str) -> String {
    format!("preset = \"aws-sns\"\ntopic_arn = \"{ARN}\"\n{more}")
}

/// A message of this type, with changes made before it is signed, and others after.
fn sns(kind: &str, before: &[(&str, &str)], after: &[(&str, &str)]) -> Request {
    let mut members = serde_json::Map::new();
    let mut set = |name: &str, value: &str| members.insert(name.to_owned(), value.into());
    set("Type", kind);
    set("MessageId", "m1");
    set("TopicArn", ARN);
    set("Message", "Hello \u{e9}\n");
    set("Timestamp", "2026-05-28T20:26:40.000Z");
    set("SignatureVersion", "2");
    set("SigningCertURL", SNS_URL);
    if kind != "Notification" {
        set("Token", "t");
        set("SubscribeURL", "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription");
    }
    for (name, value) in before {
        set(name, value);
    }
    let names = [
        "Message",
        "MessageId",
        "SubscribeURL",
        "Subject",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];
    let content: String = names
        .iter()
        .filter_map(|name| Some(format!("{name}\n{}\n", members.get(*name)?.as_str()?)))
        .collect();
    members.insert("Signature".to_owned(), signature(content).into());
    for (name, value) in after {
        members.insert((*name).to_owned(), (*value).into());
    }
    let body = serde_json::Value::Object(members).to_string();
    post(&[("content-type", "text/plain; charset=UTF-8")], body)
}

#[test]
fn messages_of_our_topic_are_taken_and_nothing_in_them_may_change() {
    let pem = certificate("sns.amazonaws.com");
    let settings = sns_settings("");
    let judged = |before: &[(&str, &str)], after: &[(&str, &str)]| {
        with_certificate(&settings, &sns("Notification", before, after), &pem)
    };
    assert_eq!(judged(&[], &[]), "ok");
    assert_eq!(judged(&[("Subject", "S")], &[]), "ok");
    for (name, value, expected) in [
        ("Message", "Hello", "bad_signature"),
        ("MessageId", "m2", "bad_signature"),
        ("Subject", "S", "bad_signature"),
        ("Timestamp", "2026-05-28T20:26:41.000Z", "bad_signature"),
        ("Timestamp", "now", "malformed_timestamp"),
        ("TopicArn", "arn:aws:sns:us-west-2:999999999999:Evil", "bad_credentials"),
        ("SignatureVersion", "3", "malformed_signature"),
        ("SignatureVersion", "1", "bad_signature"),
        ("Signature", "!", "malformed_signature"),
        ("Signature", "", "missing_field"),
        ("SigningCertURL", "https://sns.us-west-2.amazonaws.com.evil/x.pem", "bad_cert_url"),
        ("SigningCertURL", "", "missing_field"),
    ] {
        assert_eq!(judged(&[], &[(name, value)]), expected, "{name} {value}");
    }
    let request = sns("Notification", &[], &[]);
    assert_eq!(with_certificate(&settings, &request, &certificate("evil.example")), "bad_cert_url");
    match judge(&verifier(&settings), &request) {
        Verdict::NeedsCertificate(url) => assert_eq!(url, SNS_URL),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_version_of_amazons_signature_is_sha_1() {
    // Made with openssl, since aws-lc signs with SHA-1 no more.
    let known: serde_json::Value =
        serde_json::from_str(include_str!("sns_version_1.json")).unwrap();
    let pem = known["certificate"].as_str().unwrap();
    let settings = sns_settings(&format!("cert_pem = {}", known["certificate"]));
    let judged = |message: &serde_json::Value| {
        with_certificate(&settings, &post::<&str, &str>(&[], message.to_string()), pem)
    };
    assert_eq!(judged(&known["message"]), "ok");
    let mut changed = known["message"].clone();
    changed["Message"] = "Hello".into();
    assert_eq!(judged(&changed), "bad_signature");
}

#[test]
fn a_subscription_is_confirmed_only_while_it_is_awaited() {
    let pem = certificate("sns.amazonaws.com");
    let confirmed = |more: &str, request: &Request| {
        let settings = sns_settings(more);
        match verifier(&settings).judge(request, NOW * 1_000, Some(pem.as_bytes())) {
            Verdict::Handshake(handshake) => Ok((handshake.confirm, handshake.tell)),
            other => Err(format!("{other:?}")),
        }
    };
    let request = sns("SubscriptionConfirmation", &[], &[]);
    let url = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription";
    let pending = "handshake_pending = true";
    assert_eq!(confirmed(pending, &request), Ok((Some(url.to_owned()), None)));
    let (fetched, told) = confirmed("", &request).unwrap();
    assert!(fetched.is_none() && told.unwrap().contains("handshake_pending"));
    let elsewhere = sns("SubscriptionConfirmation", &[("SubscribeURL", "https://10.0.0.1/")], &[]);
    assert!(confirmed(pending, &elsewhere).unwrap_err().contains("BadCertUrl"));
    let other = sns("SubscriptionConfirmation", &[("TopicArn", "arn:aws:sns:x:1:Evil")], &[]);
    assert!(confirmed(pending, &other).unwrap_err().contains("BadCredentials"));
    // That somebody unsubscribes us is news.
    let unsubscribed = sns("UnsubscribeConfirmation", &[], &[]);
    assert!(confirmed(pending, &unsubscribed).unwrap_err().contains("UnsubscribeConfirmation"));
}
