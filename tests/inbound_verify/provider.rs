//! How providers sign, as their pages say: the other side of the presets.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use walhook::inbound::verdict::Request;
use walhook::inbound::verify::Verifier;

use crate::given::*;

/// One of them.
pub(crate) struct Provider {
    pub(crate) preset: &'static str,
    /// The secret, or the public key.
    secret: fn() -> String,
    /// Further settings.
    settings: &'static str,
    pub(crate) body: &'static str,
    /// The event's id; none: it is made from the body.
    pub(crate) id: Option<&'static str>,
    pub(crate) event_type: Option<&'static str>,
    pub(crate) signature: &'static str,
    pub(crate) timestamp: Option<&'static str>,
    /// How old and how new a request may be; none: it is not timed by a header.
    pub(crate) window: Option<(i64, i64)>,
    /// The headers of a request made at a time, in seconds.
    sign: fn(i64, &[u8]) -> Headers,
}

type Headers = Vec<(&'static str, String)>;

impl Provider {
    pub(crate) fn verifier(&self) -> Verifier {
        let Self { preset, settings, .. } = self;
        let secret = (self.secret)();
        verifier(&format!("preset = \"{preset}\"\nsecrets = [\"{secret}\"]\n{settings}"))
    }

    /// A request made at `at`.
    pub(crate) fn request(&self, at: i64) -> Request {
        post(&(self.sign)(at, self.body.as_bytes()), self.body)
    }
}

const SECRET: &str = "s3cret";
const URL: &str = "https://hooks.example.com/webhooks/given";
const PUBLIC_URL: &str = "public_url = \"https://hooks.example.com/webhooks/given\"";

/// Signs nothing but the body, with HMAC-SHA256 in hex.
const PLAIN: Provider = Provider {
    preset: "",
    secret: || SECRET.to_owned(),
    settings: "",
    body: "{}",
    id: None,
    event_type: None,
    signature: "",
    timestamp: None,
    window: None,
    sign: |_, _| Vec::new(),
};

fn signed(parts: &[&[u8]]) -> Vec<u8> {
    hmac_sha256(SECRET, parts.concat())
}

/// A time as text, followed by something.
fn after(at: i64, text: &str) -> Vec<u8> {
    format!("{at}{text}").into_bytes()
}

pub(crate) const PROVIDERS: [Provider; 23] = [
    Provider {
        preset: "bamboohr",
        body: r#"{"eventId":"e1","eventType":"employeeUpdated"}"#,
        id: Some("e1"),
        event_type: Some("employeeUpdated"),
        signature: "x-bamboohr-signature",
        timestamp: Some("x-bamboohr-timestamp"),
        window: Some((10_800, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[body, &after(at, "")]));
            vec![("x-bamboohr-signature", signature), ("x-bamboohr-timestamp", at.to_string())]
        },
        ..PLAIN
    },
    Provider {
        preset: "calendly",
        body: r#"{"event":"invitee.created"}"#,
        event_type: Some("invitee.created"),
        signature: "calendly-webhook-signature",
        window: Some((180, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[&after(at, "."), body]));
            vec![("calendly-webhook-signature", format!("t={at},v1={signature}"))]
        },
        ..PLAIN
    },
    Provider {
        preset: "discord",
        secret: || hex(ed25519().public_key()),
        settings: "tolerance_past = 60",
        body: r#"{"type":2,"id":"846"}"#,
        id: Some("846"),
        event_type: Some("2"),
        signature: "x-signature-ed25519",
        timestamp: Some("x-signature-timestamp"),
        window: Some((60, 300)),
        sign: |at, body| {
            let signature = hex(ed25519().sign(&[&after(at, ""), body].concat()));
            vec![("x-signature-ed25519", signature), ("x-signature-timestamp", at.to_string())]
        },
    },
    Provider {
        preset: "docusign",
        body: r#"{"event":"envelope-completed"}"#,
        event_type: Some("envelope-completed"),
        signature: "x-docusign-signature-2",
        sign: |_, body| vec![("x-docusign-signature-2", base64(signed(&[body])))],
        ..PLAIN
    },
    Provider {
        preset: "generic",
        id: Some("evt_1"),
        event_type: Some("order.created"),
        signature: "x-webhook-signature",
        timestamp: Some("x-webhook-timestamp"),
        window: Some((300, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[&after(at, "."), body]));
            vec![
                ("x-webhook-signature", format!("sha256={signature}")),
                ("x-webhook-timestamp", at.to_string()),
                ("x-webhook-event-id", "evt_1".to_owned()),
                ("x-webhook-event", "order.created".to_owned()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "github",
        id: Some("d1"),
        event_type: Some("push"),
        signature: "x-hub-signature-256",
        sign: |_, body| {
            vec![
                ("x-hub-signature-256", format!("sha256={}", hex(signed(&[body])))),
                ("x-github-delivery", "d1".to_owned()),
                ("x-github-event", "push".to_owned()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "gusto",
        body: r#"{"uuid":"u1","event_type":"payroll.paid","timestamp":1}"#,
        id: Some("u1"),
        event_type: Some("payroll.paid"),
        signature: "x-gusto-signature",
        sign: |_, body| vec![("x-gusto-signature", hex(signed(&[body])))],
        ..PLAIN
    },
    Provider {
        preset: "hubspot",
        settings: PUBLIC_URL,
        body: r#"[{"eventId":100,"subscriptionType":"contact.creation"}]"#,
        id: Some("100"),
        event_type: Some("contact.creation"),
        signature: "x-hubspot-signature-v3",
        timestamp: Some("x-hubspot-request-timestamp"),
        window: Some((300, 300)),
        sign: |at, body| {
            let at = format!("{at}000");
            let signature = base64(signed(&[b"POST", URL.as_bytes(), body, at.as_bytes()]));
            vec![("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", at)]
        },
        ..PLAIN
    },
    Provider {
        preset: "intercom",
        body: r#"{"id":"n1","topic":"user.created"}"#,
        id: Some("n1"),
        event_type: Some("user.created"),
        signature: "x-hub-signature",
        sign: |_, body| vec![("x-hub-signature", format!("sha1={}", hex(hmac_sha1(SECRET, body))))],
        ..PLAIN
    },
    Provider {
        preset: "lemonsqueezy",
        body: r#"{"meta":{"event_name":"order_created"}}"#,
        event_type: Some("order_created"),
        signature: "x-signature",
        sign: |_, body| vec![("x-signature", hex(signed(&[body])))],
        ..PLAIN
    },
    Provider {
        preset: "linear",
        body: r#"{"webhookTimestamp":1780000000000}"#,
        id: Some("l1"),
        event_type: Some("Issue"),
        signature: "linear-signature",
        sign: |_, body| {
            vec![
                ("linear-signature", hex(signed(&[body]))),
                ("linear-delivery", "l1".to_owned()),
                ("linear-event", "Issue".to_owned()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "meta",
        body: r#"{"object":"page","entry":"\u00e4"}"#,
        event_type: Some("page"),
        signature: "x-hub-signature-256",
        sign: |_, body| vec![("x-hub-signature-256", format!("sha256={}", hex(signed(&[body]))))],
        ..PLAIN
    },
    Provider {
        preset: "paddle",
        body: r#"{"event_id":"evt_1","event_type":"transaction.paid"}"#,
        id: Some("evt_1"),
        event_type: Some("transaction.paid"),
        signature: "paddle-signature",
        window: Some((300, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[&after(at, ":"), body]));
            vec![("paddle-signature", format!("ts={at};h1={signature}"))]
        },
        ..PLAIN
    },
    Provider {
        preset: "sendgrid",
        secret: sendgrid_public,
        body: r#"[{"sg_event_id":"1","event":"open"}]"#,
        id: Some("1"),
        event_type: Some("open"),
        signature: "x-twilio-email-event-webhook-signature",
        timestamp: Some("x-twilio-email-event-webhook-timestamp"),
        window: Some((86_400, 300)),
        sign: |at, body| {
            let content = [&after(at, ""), body].concat();
            let signature = base64(ecdsa().sign(&SystemRandom::new(), &content).unwrap());
            vec![
                ("x-twilio-email-event-webhook-signature", signature),
                ("x-twilio-email-event-webhook-timestamp", at.to_string()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "sendgrid-hmac",
        body: r#"[{"sg_event_id":"1","event":"open"}]"#,
        id: Some("1"),
        event_type: Some("open"),
        signature: "x-twilio-email-event-webhook-signature",
        timestamp: Some("x-twilio-email-event-webhook-timestamp"),
        window: Some((86_400, 300)),
        sign: |at, body| {
            let signature = base64(signed(&[&after(at, ""), body]));
            vec![
                ("x-twilio-email-event-webhook-signature", signature),
                ("x-twilio-email-event-webhook-timestamp", at.to_string()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "shopify",
        id: Some("w1"),
        event_type: Some("orders/create"),
        signature: "x-shopify-hmac-sha256",
        sign: |_, body| {
            vec![
                ("x-shopify-hmac-sha256", base64(signed(&[body]))),
                ("x-shopify-webhook-id", "w1".to_owned()),
                ("x-shopify-topic", "orders/create".to_owned()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "slack",
        body: r#"{"event_id":"Ev1","event":{"type":"message"},"type":"event_callback"}"#,
        id: Some("Ev1"),
        event_type: Some("message"),
        signature: "x-slack-signature",
        timestamp: Some("x-slack-request-timestamp"),
        window: Some((300, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[b"v0:", &after(at, ":"), body]));
            vec![
                ("x-slack-signature", format!("v0={signature}")),
                ("x-slack-request-timestamp", at.to_string()),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "square",
        settings: PUBLIC_URL,
        body: r#"{"event_id":"e1","type":"payment.created"}"#,
        id: Some("e1"),
        event_type: Some("payment.created"),
        signature: "x-square-hmacsha256-signature",
        sign: |_, body| {
            vec![("x-square-hmacsha256-signature", base64(signed(&[URL.as_bytes(), body])))]
        },
        ..PLAIN
    },
    Provider {
        preset: "standard-webhooks",
        secret: || format!("whsec_{}", base64([5; 32])),
        body: r#"{"type":"a.b"}"#,
        id: Some("m1"),
        event_type: Some("a.b"),
        signature: "webhook-signature",
        timestamp: Some("webhook-timestamp"),
        window: Some((300, 300)),
        sign: |at, body| {
            let content = [b"m1.", &after(at, ".")[..], body].concat();
            let signature = base64(hmac_sha256([5; 32], content));
            vec![
                ("webhook-id", "m1".to_owned()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", format!("v1,{signature}")),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "stripe",
        body: r#"{"id":"evt_1","type":"charge.failed"}"#,
        id: Some("evt_1"),
        event_type: Some("charge.failed"),
        signature: "stripe-signature",
        window: Some((300, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[&after(at, "."), body]));
            vec![("stripe-signature", format!("t={at},v1={signature}"))]
        },
        ..PLAIN
    },
    Provider {
        preset: "typeform",
        body: r#"{"event_id":"e1","event_type":"form_response"}"#,
        id: Some("e1"),
        event_type: Some("form_response"),
        signature: "typeform-signature",
        sign: |_, body| vec![("typeform-signature", format!("sha256={}", base64(signed(&[body]))))],
        ..PLAIN
    },
    Provider {
        preset: "zendesk",
        body: r#"{"id":"1","type":"ticket"}"#,
        id: Some("1"),
        event_type: Some("ticket"),
        signature: "x-zendesk-webhook-signature",
        timestamp: Some("x-zendesk-webhook-signature-timestamp"),
        window: Some((3_600, 300)),
        sign: |at, body| {
            let at = jiff::Timestamp::from_second(at).unwrap().to_string();
            vec![
                ("x-zendesk-webhook-signature", base64(signed(&[at.as_bytes(), body]))),
                ("x-zendesk-webhook-signature-timestamp", at),
            ]
        },
        ..PLAIN
    },
    Provider {
        preset: "zoom",
        body: r#"{"event":"meeting.ended","payload":{}}"#,
        event_type: Some("meeting.ended"),
        signature: "x-zm-signature",
        timestamp: Some("x-zm-request-timestamp"),
        window: Some((300, 300)),
        sign: |at, body| {
            let signature = hex(signed(&[b"v0:", &after(at, ":"), body]));
            vec![
                ("x-zm-signature", format!("v0={signature}")),
                ("x-zm-request-timestamp", at.to_string()),
            ]
        },
        ..PLAIN
    },
];

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn ecdsa() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap()
    })
}

fn sendgrid_public() -> String {
    // What stands before the point in a SubjectPublicKeyInfo on P-256.
    const HEAD: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\
                          \x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    base64([HEAD, ecdsa().public_key().as_ref()].concat())
}
