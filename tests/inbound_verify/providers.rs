//! Every preset that a declaration covers: what it takes, and what it refuses.

use http::{HeaderValue, StatusCode};
use walhook::inbound::verdict::Request;

use crate::given::*;
use crate::provider::{PROVIDERS, Provider};

fn timed() -> impl Iterator<Item = (&'static Provider, (i64, i64))> {
    PROVIDERS.iter().filter_map(|provider| Some((provider, provider.window?)))
}

#[test]
fn what_a_provider_signs_is_taken_with_its_id_and_type() {
    for provider in &PROVIDERS {
        let events = accepted(&provider.verifier(), &provider.request(NOW));
        let derived = format!("sha256:{}", sha256_hex(provider.body));
        let [event] = events.as_slice() else { panic!("{}: {events:?}", provider.preset) };
        assert_eq!(event.event_id, provider.id.unwrap_or(&derived), "{}", provider.preset);
        assert_eq!(event.event_type.as_deref(), provider.event_type, "{}", provider.preset);
        assert!(event.payload.is_some() && event.unusable.is_none(), "{}", provider.preset);
    }
}

#[test]
fn any_change_of_a_single_bit_of_the_body_is_refused() {
    for provider in &PROVIDERS {
        let (verifier, request) = (provider.verifier(), provider.request(NOW));
        for bit in 0..provider.body.len() * 8 {
            let mut body = provider.body.as_bytes().to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            let changed = Request { body: body.into(), ..request.clone() };
            assert_eq!(reason(&verifier, &changed), "bad_signature", "{} {bit}", provider.preset);
        }
    }
}

#[test]
fn a_body_made_longer_or_shorter_is_refused() {
    for provider in &PROVIDERS {
        let (verifier, request) = (provider.verifier(), provider.request(NOW));
        for body in [format!("{}\n", provider.body), format!(" {}", provider.body), String::new()] {
            let changed = Request { body: body.into(), ..request.clone() };
            assert_eq!(reason(&verifier, &changed), "bad_signature", "{}", provider.preset);
        }
    }
}

#[test]
fn a_signature_of_another_key_is_refused() {
    for provider in &PROVIDERS {
        let mut request = provider.request(NOW);
        let signed = request.headers[provider.signature].to_str().unwrap();
        // One digit in the middle of it.
        let (at, digit) = signed.char_indices().nth(signed.len() / 2).unwrap();
        let mut other = signed.to_owned();
        other.replace_range(at..=at, if digit == '1' { "2" } else { "1" });
        request.headers.insert(provider.signature, HeaderValue::from_str(&other).unwrap());
        assert_eq!(reason(&provider.verifier(), &request), "bad_signature", "{}", provider.preset);
    }
}

#[test]
fn a_header_that_is_missing_or_empty_is_named() {
    for provider in &PROVIDERS {
        let timestamp = provider.timestamp.map(|name| (name, "missing_timestamp"));
        for (name, expected) in
            timestamp.into_iter().chain([(provider.signature, "missing_signature")])
        {
            let mut without = provider.request(NOW);
            without.headers.remove(name);
            let mut empty = without.clone();
            empty.headers.insert(name, HeaderValue::from_static(""));
            for request in [without, empty] {
                let rejection = rejection(&provider.verifier(), &request);
                assert_eq!(rejection.reason.as_str(), expected, "{} {name}", provider.preset);
                assert_eq!(rejection.reason.status(), StatusCode::UNAUTHORIZED);
                assert!(rejection.detail.unwrap().contains(name.trim_end_matches("-2")), "{name}");
            }
        }
    }
}

#[test]
fn windows_hold_on_both_sides_and_at_their_edges() {
    for (provider, (past, future)) in timed() {
        let verifier = provider.verifier();
        for (at, expected) in [
            (NOW - past, "ok"),
            (NOW - past - 1, "timestamp_too_old"),
            (NOW + future, "ok"),
            (NOW + future + 1, "timestamp_in_future"),
        ] {
            let request = provider.request(at);
            assert_eq!(reason(&verifier, &request), expected, "{} {}", provider.preset, at - NOW);
            if expected != "ok" {
                assert_eq!(rejection(&verifier, &request).skew_seconds, Some(at - NOW));
            }
        }
    }
}

#[test]
fn a_forged_and_stale_request_is_called_forged() {
    for (provider, _) in timed() {
        let mut request = provider.request(NOW - 1_000_000);
        request.body = [provider.body.as_bytes(), b" "].concat().into();
        let rejection = rejection(&provider.verifier(), &request);
        assert_eq!(rejection.reason.as_str(), "bad_signature", "{}", provider.preset);
        assert_eq!(rejection.skew_seconds, Some(-1_000_000), "{}", provider.preset);
    }
}

#[test]
fn the_time_is_signed_with_the_rest() {
    for (provider, _) in timed() {
        let Some(name) = provider.timestamp else { continue };
        let mut request = provider.request(NOW);
        let later = provider.request(NOW + 1).headers[name].clone();
        request.headers.insert(name, later);
        assert_eq!(reason(&provider.verifier(), &request), "bad_signature", "{}", provider.preset);
    }
}

#[test]
fn one_verifier_serves_all_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<walhook::inbound::verify::Verifier>();
}

#[test]
fn any_of_several_secrets_may_match_and_an_empty_body_is_no_event() {
    let rotating = verifier("preset = \"github\"\nsecrets = [\"new\", \"s\"]");
    assert_eq!(reason(&rotating, &github("{}")), "ok");
    assert_eq!(reason(&rotating, &github("")), "bad_body");
}
