//! Random changes to good requests: nothing panics, and nothing changed is taken for genuine.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use walhook::inbound::verdict::{Request, Verdict};

use crate::given::*;
use crate::provider::PROVIDERS;

/// A change to a request.
#[derive(Clone, Debug)]
enum Change {
    Body(usize, u8),
    CutBody(usize),
    AppendBody(Vec<u8>),
    Header(usize, Vec<u8>),
    Again(usize),
    Remove(usize),
    ContentType(&'static str),
    Target(String),
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let content_type = prop_oneof![
        Just("application/json"),
        Just("application/x-www-form-urlencoded"),
        Just("multipart/form-data; boundary=a"),
        Just("multipart/form-data; boundary=\""),
        Just("multipart/form-data"),
        Just(";;;=\""),
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Body(at, byte)),
        any::<usize>().prop_map(Change::CutBody),
        bytes().prop_map(Change::AppendBody),
        (any::<usize>(), bytes()).prop_map(|(at, value)| Change::Header(at, value)),
        any::<usize>().prop_map(Change::Again),
        any::<usize>().prop_map(Change::Remove),
        content_type.prop_map(Change::ContentType),
        ".{0,20}".prop_map(Change::Target),
    ]
}

fn apply(request: &mut Request, change: &Change) {
    let name = |at: usize| -> Option<HeaderName> {
        request.headers.keys().nth(at % request.headers.keys_len().max(1)).cloned()
    };
    let length = request.body.len();
    match change {
        Change::Body(at, byte) if length > 0 => {
            let mut body = request.body.to_vec();
            body[at % length] = *byte;
            request.body = body.into();
        }
        Change::Body(..) => {}
        Change::CutBody(at) => request.body.truncate(at % (length + 1)),
        Change::AppendBody(bytes) => request.body = [&request.body[..], bytes].concat().into(),
        Change::Header(at, value) => {
            if let (Some(name), Ok(value)) = (name(*at), HeaderValue::from_bytes(value)) {
                request.headers.insert(name, value);
            }
        }
        Change::Again(at) => {
            if let Some(name) = name(*at) {
                let value = request.headers[&name].clone();
                request.headers.append(name, value);
            }
        }
        Change::Remove(at) => {
            if let Some(name) = name(*at) {
                request.headers.remove(name);
            }
        }
        Change::ContentType(value) => {
            request.headers.insert("content-type", HeaderValue::from_static(value));
        }
        Change::Target(target) => request.target.clone_from(target),
    }
}

/// Settings of sources that read the body for their signature.
const OTHERS: [&str; 6] = [
    "preset = \"mailgun\"\nsecrets = [\"s\"]",
    "preset = \"mailgun-inbound\"\nsecrets = [\"s\"]",
    "preset = \"twilio\"\nsecrets = [\"s\"]\npublic_url = \"https://a/x\"",
    "preset = \"adyen\"\nsecrets = [\"00\"]",
    "preset = \"aws-sns\"\ntopic_arn = \"arn:aws:sns:x:1:y\"",
    "preset = \"paypal\"\nwebhook_id = \"1\"",
];

proptest! {
    #[test]
    fn a_changed_body_is_never_genuine(
        provider in 0..PROVIDERS.len(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let provider = &PROVIDERS[provider];
        let mut request = provider.request(NOW);
        changes.iter().for_each(|change| apply(&mut request, change));
        let genuine = matches!(judge(&provider.verifier(), &request), Verdict::Events(_));
        prop_assert!(!genuine || request.body == provider.body);
    }

    #[test]
    fn nothing_that_is_sent_panics(
        source in 0..OTHERS.len(),
        body in prop_oneof![
            Just(r#"{"signature":{"timestamp":"1780000000","token":"t","signature":"00"}}"#),
            Just("timestamp=1780000000&token=t&signature=00"),
            Just("--a\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n1\r\n--a--"),
            Just(r#"{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"AA=="}}}]}"#),
            Just(r#"{"Type":"Notification","Message":"m","Signature":"AA=="}"#),
        ],
        changes in prop::collection::vec(change(), 0..6),
    ) {
        let signature = [("x-twilio-signature", "AA=="), ("paypal-transmission-sig", "AA==")];
        let mut request = post(&signature, body);
        changes.iter().for_each(|change| apply(&mut request, change));
        let verdict = judge(&verifier(OTHERS[source]), &request);
        prop_assert!(!matches!(verdict, Verdict::Events(_)), "{:?}", verdict);
    }
}
