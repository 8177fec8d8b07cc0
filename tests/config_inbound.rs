//! `[inbound]` as its users meet it: presets, what they may be told otherwise, and schemes of
//! their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use walhook::config::inbound::{
    Code, Column, Encoding, ErrorAlert, Handshake, Hash, Inbound, KeyBytes, LogRejections,
    Material, OnConflict, Piece, Place, Proof, Scheme, Shape, Source, TimestampUnit,
};
use walhook::config::{Config, Environment, Faults};

const DATABASE: &str = "[database]\nurl = \"postgres://walhook@localhost/shop\"\n";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, format!("{DATABASE}{text}")).unwrap();
    std::fs::write(directory.path().join("paypal.pem"), certificate()).unwrap();
    Config::load(Some(&path), &Environment::from_iter(variables.iter().copied()))
}

fn certificate() -> String {
    rcgen::generate_simple_self_signed(["paypal.example.com".to_owned()]).unwrap().cert.pem()
}

fn inbound(text: &str) -> Inbound {
    load(text, &[]).unwrap_or_else(|faults| panic!("{faults}")).inbound
}

/// The source that `settings` make.
fn source(settings: &str) -> Source {
    Source::from_toml("acme", settings, &Environment::default())
        .unwrap_or_else(|faults| panic!("{settings}\n{faults}"))
}

fn schemes(source: &Source) -> &[Scheme] {
    match &source.proof {
        Proof::Signed(schemes) => schemes,
        Proof::Code(code) => panic!("{code:?}"),
    }
}

fn windows(source: &Source) -> (Option<u64>, Option<u64>) {
    let timestamp = schemes(source)[0].timestamp.as_ref().unwrap();
    (timestamp.past.map(|past| past.as_secs()), timestamp.future.map(|future| future.as_secs()))
}

const STRIPE: &str = "preset = \"stripe\"\nsecrets = [\"whsec_x\"]\n";

#[test]
fn without_a_source_nothing_listens() {
    assert_eq!(inbound("").listen, None);
    assert_eq!(inbound("[inbound]\nlisten = \"0.0.0.0:80\"\n").listen, None);
    let stripe = format!("[inbound.sources.stripe]\n{STRIPE}");
    assert_eq!(inbound(&stripe).listen, Some("127.0.0.1:8080".parse().unwrap()));
    let off = load(&format!("[inbound]\nlisten = \"\"\n{stripe}"), &[]).unwrap();
    assert_eq!(off.inbound.listen, None);
    assert!(off.warnings.iter().any(|warning| warning.key == "inbound.listen"));
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let inbound = inbound(&format!("[inbound.sources.stripe]\n{STRIPE}"));
    assert_eq!(inbound.log_rejections, LogRejections::Sampled);
    assert_eq!(inbound.errors, ErrorAlert { count: 10, window: Duration::from_secs(600) });
    assert_eq!(inbound.retention, Duration::from_secs(365 * 24 * 3600));
    let source = &inbound.sources[0];
    assert_eq!((source.name.as_str(), source.max_body_bytes), ("stripe", 1_048_576));
    let minutes: Vec<u64> =
        source.retry.schedule.iter().map(|delay| delay.as_secs() / 60).collect();
    assert_eq!((minutes, source.retry.jitter), (vec![5, 10, 20, 40, 80], 0.1));
    assert_eq!(windows(source), (Some(300), Some(300)));
}

#[test]
fn a_source_says_otherwise_than_the_receiver() {
    let inbound = inbound(&format!(
        "[inbound]\nmax_body_bytes = 1000\nlog_rejections = \"all\"\nretry.schedule = [\"1s\"]\n\
         [inbound.sources.b]\n{STRIPE}max_body_bytes = 2000\nretry = {{ max_retries = 2, jitter = 0.5 }}\n\
         [inbound.sources.a]\n{STRIPE}\
         [alerts]\ninbound_errors.count = 0\n[retention]\ninbound = \"30d\"\n"
    ));
    assert_eq!(inbound.log_rejections, LogRejections::All);
    assert_eq!((inbound.errors.count, inbound.retention), (0, Duration::from_secs(30 * 86_400)));
    let [b, a] = inbound.sources.as_slice() else { panic!("{:?}", inbound.sources) };
    assert_eq!((a.max_body_bytes, a.retry.schedule.len(), a.retry.jitter), (1000, 1, 0.1));
    assert_eq!((b.max_body_bytes, b.retry.schedule.len(), b.retry.jitter), (2000, 2, 0.5));
}

#[test]
fn windows_are_durations_or_plain_seconds_and_zero_is_off() {
    for (settings, wanted) in [
        ("tolerance_past = \"5m\"", (Some(300), Some(300))),
        ("tolerance_past = 60\ntolerance_future = \"90\"", (Some(60), Some(90))),
        ("tolerance_past = \"0s\"\ntolerance_future = 0", (None, None)),
        (
            "verify.timestamp = { from = \"sig:t\", past = \"1h\", future = 5 }",
            (Some(3600), Some(5)),
        ),
    ] {
        assert_eq!(windows(&source(&format!("{STRIPE}{settings}\n"))), wanted, "{settings}");
    }
    let paddle = "preset = \"paddle\"\nsecrets = [\"x\"]\n";
    let linear = "preset = \"linear\"\nsecrets = [\"x\"]\n";
    assert_eq!(windows(&source(paddle)), (Some(300), Some(300)));
    assert_eq!(windows(&source(linear)), (Some(60), Some(300)));
}

#[test]
fn a_key_beside_a_preset_replaces_the_presets() {
    let source = source(&format!(
        "{STRIPE}verify.content = \"{{timestamp}}:{{body}}\"\nevents.id = [\"h:X-Id\", \"j:id\"]\n\
         reply = {{ bad_signature = 400 }}\n"
    ));
    let scheme = &schemes(&source)[0];
    assert_eq!(scheme.content, [Piece::Timestamp, Piece::Literal(":".to_owned()), Piece::Body]);
    assert_eq!(scheme.signature.list.as_ref().unwrap().take, ["v1"]);
    assert_eq!((source.events.id.len(), source.events.event_type.len()), (2, 1));
    assert_eq!(source.reply.bad_signature.unwrap().as_u16(), 400);
    assert_eq!(source.reply.unavailable.as_u16(), 503);
}

#[test]
fn presets_answer_as_their_providers_want() {
    let reply = |preset: &str, secret: &str| {
        let rest = "public_url = \"https://example.com/\"";
        let reply =
            source(&format!("preset = \"{preset}\"\nsecrets = [\"{secret}\"]\n{rest}\n")).reply;
        (reply.bad_signature.map(|status| status.as_u16()), reply.body)
    };
    let hex = "0f".repeat(32);
    for (preset, secret, wanted) in [
        ("mailgun", "x", (Some(406), None)),
        ("mailgun-inbound", "x", (Some(406), None)),
        ("discord", &*hex, (Some(401), None)),
        ("bamboohr", "x", (Some(401), None)),
        ("bamboohr-basic", "u:p", (Some(401), None)),
        ("stripe", "x", (None, None)),
        ("adyen", &*hex, (None, Some(("text/plain", "[accepted]".to_owned())))),
        ("twilio", "x", (None, Some(("text/xml", "<Response/>".to_owned())))),
    ] {
        assert_eq!(reply(preset, secret), wanted, "{preset}");
    }
}

#[test]
fn each_secret_goes_to_the_version_that_it_is_for() {
    let whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let whpk = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let source = source(&format!(
        "preset = \"standard-webhooks\"\nsecrets = [\"{whsec}\", \"{whpk}\", \"{}\"]\n",
        &whsec[6..]
    ));
    let [scheme] = schemes(&source) else { panic!("{:?}", source.proof) };
    let kinds: Vec<(&str, bool)> = scheme
        .keys
        .iter()
        .map(|key| (key.version.as_deref().unwrap(), matches!(key.material, Material::Ed25519(_))))
        .collect();
    assert_eq!(kinds, [("v1", false), ("v1a", true), ("v1", false)]);
    assert_eq!(scheme.signature.list.as_ref().unwrap().take, ["v1", "v1a"]);
    assert_eq!(scheme.signature.from.len(), 2, "webhook-signature and svix-signature");

    // A signature under a version without a key is wrong, not unknown.
    let only_public = self::source(&format!("preset = \"svix\"\nsecrets = [\"{whpk}\"]\n"));
    assert_eq!(schemes(&only_public)[0].keys.len(), 1);
    assert_eq!(schemes(&only_public)[0].signature.list.as_ref().unwrap().take, ["v1", "v1a"]);
}

#[test]
fn of_two_ways_the_one_without_a_secret_is_left_out() {
    let gitlab = |secrets: &str| source(&format!("preset = \"gitlab\"\nsecrets = [{secrets}]\n"));
    let signed = "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let is_token = |scheme: &Scheme| matches!(scheme.keys[0].material, Material::Token(_));
    for (secrets, wanted) in [
        (signed.to_owned(), vec![false]),
        ("\"classic\"".to_owned(), vec![true]),
        (format!("\"classic\", {signed}"), vec![false, true]),
    ] {
        let source = gitlab(&secrets);
        let kinds: Vec<bool> = schemes(&source).iter().map(is_token).collect();
        assert_eq!(kinds, wanted, "{secrets}");
    }
}

#[test]
fn keys_are_decoded_when_they_are_read() {
    let adyen = source(&format!("preset = \"adyen\"\nsecrets = [\"{}\"]\n", "0F".repeat(32)));
    let Proof::Code(Code::Adyen { keys }) = &adyen.proof else { panic!("{:?}", adyen.proof) };
    assert_eq!(keys, &[KeyBytes(vec![0x0f; 32])]);
    let stripe = source("preset = \"stripe\"\nsecrets = [\"whsec_x\\n\"]\n");
    let Material::Hmac(Hash::Sha256, key) = &schemes(&stripe)[0].keys[0].material else {
        panic!("{:?}", stripe.proof)
    };
    assert_eq!(key.0, b"whsec_x", "the text itself, without the line's end");
}

#[test]
fn paypal_and_sns_need_no_secret() {
    let certificate = certificate();
    let paypal = source(&format!(
        "preset = \"paypal\"\nwebhook_id = \"1JE\"\ncert_pem = \"\"\"\n{certificate}\"\"\"\n\
         tolerance_past = 0\ntolerance_future = 0\n"
    ));
    let Proof::Code(Code::PayPal { webhook_id, cert_pem }) = &paypal.proof else {
        panic!("{:?}", paypal.proof)
    };
    assert_eq!((webhook_id.as_str(), cert_pem.as_deref()), ("1JE", Some(certificate.as_str())));
    let sns = source("preset = \"aws-sns\"\ntopic_arn = \"arn:aws:sns:eu-west-1:1:t\"\n");
    assert!(matches!(&sns.proof, Proof::Code(Code::AwsSns { cert_pem: None, .. })));
    assert_eq!(sns.handshake, Handshake::Sns);
}

#[test]
fn a_provider_without_a_preset_is_spelled_out() {
    let source = source(
        r#"
        secrets = ["AP8="]
        public_url = "https://hooks.example.com/webhooks/acme?x=1"
        [verify]
        alg = "hmac-sha512"
        key = "base64"
        signature = { from = ["h:X-Sig", "j:sig"], prefix = "v9=", encoding = "base64" }
        timestamp = { from = "h:X-At", unit = "rfc3339", past = "2m" }
        content = "{method}|{url}|{h:X-At}|{body}"
        replay = { key = "j:nonce" }
        [events]
        shape = "array"
        unwrap = "event"
        id_template = "{j:kind}-{j:0.id}"
        type = "=acme"
        "#,
    );
    let scheme = &schemes(&source)[0];
    assert_eq!(source.public_url.as_deref(), Some("https://hooks.example.com/webhooks/acme?x=1"));
    assert_eq!(
        (scheme.signature.from.len(), scheme.signature.prefix.as_str(), scheme.signature.encoding),
        (2, "v9=", Encoding::Base64)
    );
    assert_eq!(scheme.timestamp.as_ref().unwrap().unit, TimestampUnit::Rfc3339);
    assert_eq!(windows(&source), (Some(120), Some(300)));
    assert_eq!((scheme.content.len(), scheme.replay.is_some()), (7, true));
    assert_eq!(source.events.shape, Shape::Array);
    assert_eq!(source.events.id_template[0].len(), 3);
    assert_eq!(source.events.event_type, [Place::Constant("acme".to_owned())]);
}

#[test]
fn columns_are_paths_times_values_and_expressions() {
    let source = source(&format!(
        "{STRIPE}[into]\ntable = 'public.\"Charges\"'\nconflict = [\"id\"]\non_conflict = \"update\"\n\
         types = [\"charge.*\"]\n[into.columns]\nid = \"data.object.id\"\nat = {{ path = \"created\", as = \"unix\" }}\n\
         plain = {{ path = \"x\" }}\nok = {{ value = true }}\nn = {{ value = 5 }}\ns = {{ sql = \"payload ->> 'a'\" }}\n"
    ));
    let into = source.into.unwrap();
    assert_eq!((into.table.schema.as_str(), into.table.name.as_str()), ("public", "Charges"));
    assert_eq!((into.on_conflict, into.types.len()), (OnConflict::Update, 1));
    let columns: Vec<&str> = into.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["id", "at", "plain", "ok", "n", "s"]);
    assert!(matches!(&into.columns[0].1, Column::Path(path) if path.0 == ["data", "object", "id"]));
    assert!(matches!(&into.columns[1].1, Column::Unix(_, TimestampUnit::Seconds)));
    assert!(matches!(&into.columns[2].1, Column::Path(_)));
    assert_eq!(into.columns[3].1, Column::Value("true".to_owned()));
    assert_eq!(into.columns[4].1, Column::Value("5".to_owned()));
    assert_eq!(into.columns[5].1, Column::Sql("payload ->> 'a'".to_owned()));
}

#[test]
fn variables_set_secrets_and_settings_of_a_source() {
    let text = "[inbound.sources.stripe]\npreset = \"stripe\"\n";
    let config = load(
        text,
        &[
            ("WALHOOK_INBOUND__SOURCES__STRIPE__SECRETS", "one,two"),
            ("WALHOOK_INBOUND__SOURCES__STRIPE__TOLERANCE_PAST", "60"),
            ("WALHOOK_INBOUND__LISTEN", "127.0.0.1:1234"),
            ("WALHOOK_INBOUND__SOURCES__GITHUB", "{ preset = \"github\", secrets = [\"x\"] }"),
        ],
    );
    let inbound = config.unwrap_or_else(|faults| panic!("{faults}")).inbound;
    assert_eq!(inbound.listen, Some("127.0.0.1:1234".parse().unwrap()));
    let stripe = inbound.sources.iter().find(|source| source.name == "stripe").unwrap();
    assert_eq!((schemes(stripe)[0].keys.len(), windows(stripe)), (2, (Some(60), Some(300))));
    assert_eq!(inbound.sources.len(), 2);
}

#[test]
fn what_leaves_a_source_open_is_warned_of() {
    let text = "[inbound.sources.acme]\nsecrets = [\"hunter2\"]\nhandshake_pending = true\n\
         verify.alg = \"hmac-sha256\"\nverify.signature = { from = \"h:X-Sig\", encoding = \"hex\" }\n\
         verify.timestamp = { from = \"h:X-At\" }\nverify.content = \"{h:X-Id}\"\n\
         [inbound.sources.github]\npreset = \"github\"\nsecrets = [\"${S}\"]\ntolerance_past = 60\n";
    let config = load(text, &[("S", "x")]).unwrap_or_else(|faults| panic!("{faults}"));
    let warned: Vec<(&str, &str)> = config
        .warnings
        .iter()
        .filter(|warning| !warning.key.is_empty())
        .map(|warning| (warning.key.as_str(), warning.problem.as_str()))
        .collect();
    assert_eq!(
        warned,
        [
            ("inbound.sources.acme.secrets[0]", "a secret stands literally in the file"),
            (
                "inbound.sources.acme.handshake_pending",
                "this provider has no handshake to wait for"
            ),
            (
                "inbound.sources.acme.verify.content",
                "the body is not signed: who has seen one request can send others"
            ),
            (
                "inbound.sources.acme.verify.content",
                "the timestamp is not signed, so its age proves nothing"
            ),
            (
                "inbound.sources.github.tolerance_past",
                "this provider signs no timestamp, so none can be checked"
            ),
        ]
    );
    assert!(config.warnings.iter().all(|warning| !warning.to_string().contains("hunter2")));
}

#[test]
fn every_source_of_the_shipped_file_works() {
    let text = std::fs::read_to_string(SHIPPED).unwrap();
    // A line of explanation begins with a capital or stands further in.
    let alive = |line: &str| {
        let line = line.strip_prefix("# ")?.to_owned();
        line.starts_with(|c: char| c.is_ascii_lowercase() || c == '[').then_some(line + "\n")
    };
    let sources: String = text
        .lines()
        .skip_while(|line| !line.starts_with("# [inbound.sources"))
        .take_while(|line| line.starts_with('#'))
        .filter_map(alive)
        .filter(|line| line.contains(" = ") || line.starts_with('['))
        .collect();
    let names =
        ["STRIPE_WEBHOOK_SECRET", "TWILIO_AUTH_TOKEN", "META_APP_SECRET", "META_VERIFY_TOKEN"];
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x")).collect();
    variables.extend([("ACME_NEW_SECRET", "acme_1"), ("ACME_OLD_SECRET", "acme_2")]);
    let inbound = load(&sources, &variables).unwrap_or_else(|faults| panic!("{faults}")).inbound;
    let names: Vec<&str> = inbound.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["stripe", "twilio", "meta", "paypal", "sns", "acme"]);
    assert_eq!(schemes(&inbound.sources[5])[0].keys.len(), 2);

    // The example of Stripe says what holds without saying.
    let stripe = source("preset = \"stripe\"\nsecrets = [\"x\"]\n");
    assert_eq!(windows(&inbound.sources[0]), windows(&stripe));
}

#[test]
fn the_shipped_file_names_every_preset() {
    let text = std::fs::read_to_string(SHIPPED).unwrap();
    let unknown = Source::from_toml("x", "preset = \"?\"", &Environment::default()).unwrap_err();
    let allowed = unknown.iter().next().unwrap().allowed.clone().unwrap();
    for preset in allowed.split(", ") {
        let named = text.split([' ', '(', ')', '\n']).any(|word| word == preset);
        assert!(named, "{preset}");
    }
}
