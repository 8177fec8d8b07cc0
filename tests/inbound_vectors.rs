//! What providers send, and what they would refuse themselves: the vectors of `tests/vectors`,
//! judged by sources that the configuration reads.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use walhook::config::Environment;
use walhook::config::inbound::Source;
use walhook::inbound::verdict::{Draft, Request, Verdict};
use walhook::inbound::verify::Verifier;

/// Vectors in the files; none may be lost.
const VECTORS: usize = 205;

/// What became of a request, in the words of the vectors.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: &'static str,
    reason: String,
    events: Vec<(String, Option<String>)>,
    response_body: Option<String>,
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let mut judged = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<_> =
        fs::read_dir("tests/vectors").unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files {
        for vector in vectors(&file) {
            judged += 1;
            if let Err(problem) = check(&vector) {
                wrong.push(format!("{}: {}: {problem}", file.display(), vector["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(judged, VECTORS);
}

fn vectors(file: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn check(vector: &Value) -> Result<(), String> {
    let found = judge(vector);
    let expected = &vector["expect"];
    // Both are right: the libraries of the provider differ.
    let status_only = vector.get("either").is_some();
    if status_only && found.status != expected["status"] {
        return Ok(());
    }
    let events = expected["events"].as_array().unwrap();
    let same_events = events.len() == found.events.len()
        && events.iter().zip(&found.events).all(|(expected, (id, event_type))| {
            let same_id = match expected["id"].as_str() {
                Some(expected) => id == expected,
                None => id.starts_with("sha256:") && id.len() == "sha256:".len() + 64,
            };
            same_id && event_type.as_deref() == expected["type"].as_str()
        });
    let same_body = expected
        .get("response_body")
        .is_none_or(|body| body.as_str() == found.response_body.as_deref());
    let same = found.status == expected["status"] && found.reason == expected["reason"];
    if same && same_events && same_body {
        return Ok(());
    }
    Err(format!("{found:?}\n    instead of {expected}"))
}

fn judge(vector: &Value) -> Outcome {
    let now = vector["now"].as_i64().unwrap();
    let verdict = Verifier::new(source(vector)).judge(&request(vector), now * 1_000, None);
    let rejected = |reason: &str| Outcome {
        status: "reject",
        reason: reason.to_owned(),
        events: Vec::new(),
        response_body: None,
    };
    match verdict {
        Verdict::Rejected(rejection) => rejected(rejection.reason.as_str()),
        Verdict::Events(post) => {
            let seen: HashSet<&str> = vector["config"]["seen_tokens"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if post.replay.is_some_and(|token| seen.contains(token.as_str())) {
                return rejected("replayed");
            }
            let named = |draft: Draft| (draft.event_id, draft.event_type);
            let events = post.events.into_iter().map(named).collect();
            Outcome { status: "accept", reason: "ok".to_owned(), events, response_body: None }
        }
        Verdict::Handshake(handshake) => Outcome {
            status: "accept",
            reason: "handshake".to_owned(),
            events: Vec::new(),
            response_body: Some(handshake.body),
        },
        Verdict::NeedsCertificate(url) => panic!("{url} is wanted"),
    }
}

/// The source that a vector's configuration makes of its preset.
fn source(vector: &Value) -> Arc<Source> {
    let provider = vector["provider"].as_str().unwrap();
    let config = vector["config"].as_object().unwrap();
    let mut toml = String::new();
    if !config.contains_key("preset") {
        toml = format!("preset = {provider:?}\n");
    }
    for (key, value) in config.iter().filter(|(key, _)| *key != "seen_tokens") {
        // Texts, numbers and lists of JSON are TOML.
        toml.push_str(&format!("{key} = {value}\n"));
    }
    let source = Source::from_toml("vector", &toml, &Environment::default());
    Arc::new(source.unwrap_or_else(|faults| panic!("{toml}\n{faults}")))
}

fn request(vector: &Value) -> Request {
    let request = &vector["request"];
    let text = |key: &str| request[key].as_str().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in request["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    Request {
        method: text("method").parse().unwrap(),
        target: text("path").to_owned(),
        headers,
        body: STANDARD.decode(text("body_base64")).unwrap().into(),
    }
}
