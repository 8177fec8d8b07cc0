//! `walhook verify --preset`: recorded requests, as scripts and people see the verdict.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A vector of `file`, and its request as it was recorded.
fn vector(file: &str, name: &str) -> (Value, Vec<u8>) {
    let text = fs::read(format!("tests/vectors/{file}.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let found = vectors.into_iter().find(|vector| vector["name"].as_str().unwrap().contains(name));
    let vector = found.unwrap_or_else(|| panic!("no {name}"));
    let request = &vector["request"];
    let text = |key: &str| request[key].as_str().unwrap().to_owned();
    let mut recorded = format!("{} {} HTTP/1.1\r\n", text("method"), text("path"));
    for (name, value) in request["headers"].as_object().unwrap() {
        recorded.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap()));
    }
    let body = STANDARD.decode(text("body_base64")).unwrap();
    let recorded = [recorded.as_bytes(), b"\r\n", &body].concat();
    (vector, recorded)
}

fn verify(arguments: &[&str], recorded: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_walhook"))
        .args([&["verify", "--request", "-"], arguments].concat())
        .env_remove("WALHOOK_SECRET")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its flags does not read its input.
    let _ = child.stdin.take().unwrap().write_all(recorded);
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
        + &String::from_utf8(output.stderr.clone()).unwrap()
}

const STRIPE: [&str; 6] =
    ["--preset", "stripe", "--secret", "whsec_test_7b1fStripeVectorSecret", "--now", "1780000000"];

#[test]
fn a_genuine_request_is_verified_and_its_events_are_named() {
    let (_, recorded) = vector("stripe", "valid charge.failed");
    let output = verify(&STRIPE, &recorded);
    let expected = "verified (stripe)\nevent \"evt_1chargefailed\", \"charge.failed\"\n";
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), expected));
    let (vector, recorded) = vector("sendgrid", "same sg_event_id twice");
    let key = vector["config"]["secrets"][0].as_str().unwrap();
    let output =
        verify(&["--preset", "sendgrid", "--secret", key, "--now", "1780000000"], &recorded);
    assert_eq!(said(&output).lines().count(), 3, "{}", said(&output));
}

#[test]
fn a_failure_says_why_and_what_would_match() {
    let (_, recorded) = vector("stripe", "valid charge.failed");
    let longer = [&recorded[..], b"\n"].concat();
    let output = verify(&STRIPE, &longer);
    assert_eq!(output.status.code(), Some(1));
    let said_of_newline = said(&output);
    for expected in [
        "not verified: bad_signature",
        "its time is the clock's",
        "body: 371 bytes, sha256 76b3b3e167a90c914bf4da092155f8a0d16f2eb41adbb2d540ebe276a0a945a4",
        "it would match without the final newline of the body",
    ] {
        assert!(said_of_newline.contains(expected), "{said_of_newline}");
    }
    let stale = verify(&[&STRIPE[..], &["--tolerance-future", "10s"]].concat(), &recorded);
    assert_eq!(stale.status.code(), Some(0));
    let late = verify(&[&STRIPE[..4], &["--now", "1780000301"]].concat(), &recorded);
    let text = said(&late);
    assert!(text.contains("its time is 301 s before the clock"), "{text}");
    assert!(text.contains("fresh from 2026-05-28T20:21:40Z to 2026-05-28T20:31:40Z"), "{text}");
    let (_, recorded) = vector("stripe", "header missing");
    assert!(said(&verify(&STRIPE, &recorded)).contains("no header stripe-signature"));
}

#[test]
fn a_content_length_that_does_not_fit_is_mentioned() {
    let recorded =
        b"POST /x HTTP/1.1\nContent-Length: 2\nStripe-Signature: t=1780000000,v1=00\n\n{}\n";
    let text = said(&verify(&STRIPE, recorded));
    assert!(text.contains("the Content-Length is 2"), "{text}");
}

#[test]
fn the_settings_of_a_source_are_flags() {
    let (vector, recorded) = vector("twilio", "valid, parameters in another order");
    let config = &vector["config"];
    let secret = config["secrets"][0].as_str().unwrap();
    let url = config["public_url"].as_str().unwrap();
    let twilio = ["--preset", "twilio", "--secret", secret];
    let output = verify(&[&twilio[..], &["--public-url", url]].concat(), &recorded);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let missing = verify(&twilio, &recorded);
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing).contains("`public_url` is missing"), "{}", said(&missing));
    let meta = b"GET /x?hub.mode=subscribe&hub.challenge=1158&hub.verify_token=meaty HTTP/1.1\n\n";
    let flags = ["--preset", "meta", "--secret", "s", "--verify-token", "meaty"];
    let output = verify(&flags, meta);
    assert_eq!(said(&output), "verified (meta)\na handshake, no event\n");
}

#[test]
fn a_certificate_is_asked_for_and_taken_from_a_file() {
    let (vector, recorded) = vector("extra", "paypal: valid");
    let config = &vector["config"];
    let flags = ["--preset", "paypal", "--webhook-id", config["webhook_id"].as_str().unwrap()];
    let output = verify(&flags, &recorded);
    assert_eq!(output.status.code(), Some(1));
    let url = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-df8cd2d5";
    assert!(said(&output).contains(url), "{}", said(&output));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(config["cert_pem"].as_str().unwrap().as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let output = verify(&[&flags[..], &["--cert", path]].concat(), &recorded);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn neither_secrets_nor_bodies_are_printed() {
    let recorded = b"POST /x HTTP/1.1\nStripe-Signature: t=1780000000,v1=00\n\n{\"a\":\"hunter2\"}";
    for (preset, secret) in [
        ("stripe", "hunter2"),
        ("stripe", "${hunter2}"),
        ("standard-webhooks", "whsec_!hunter2"),
        ("discord", "hunter2"),
        ("hunter", "hunter2"),
    ] {
        let output = verify(&["--preset", preset, "--secret", secret], recorded);
        assert_ne!(output.status.code(), Some(0));
        assert!(!said(&output).contains("hunter2"), "{preset}: {}", said(&output));
    }
}

#[test]
fn flags_that_do_not_belong_together_are_refused() {
    for flags in [
        &["--secret", "s"][..],
        &["--preset", "stripe", "--secret", "s", "--header", "a: b"],
        &["--preset", "stripe"],
    ] {
        let output = verify(flags, b"POST / HTTP/1.1\n\n");
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", said(&output));
    }
    let output = verify(&STRIPE, b"{}");
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("not a recorded HTTP/1.1 request"), "{}", said(&output));
}
