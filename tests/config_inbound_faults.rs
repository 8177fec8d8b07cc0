//! What is said of mistakes in `[inbound]`: place and fix of every fault, and never a secret.

use std::fmt::Write;

use walhook::config::{Config, Environment};

/// The faults of `text` as printed; the directory's name is cut out.
fn faults(text: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("config.toml");
    std::fs::write(&path, text).expect("the file can be written");
    let environment = Environment::from_iter([("S", "x"), ("EMPTY", ""), ("LINE", "\n")]);
    let found = Config::load(Some(&path), &environment).expect_err(text);
    found.to_string().replace(&format!("{}/", directory.path().display()), "")
}

/// Sources that are wrong; `hunter2` stands for what must not be seen.
const SOURCES: &[&str] = &[
    // Presets and names.
    "preset = \"strpe\"\nsecrets = [\"${S}\"]",
    "preset = \"acme\"\nsecrets = [\"${S}\"]",
    "preset = 5",
    "secrets = [\"${S}\"]",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ntolerence_past = 300\nverify.contents = \"{body}\"",
    // Secrets.
    "preset = \"stripe\"",
    "preset = \"stripe\"\nsecrets = []",
    "preset = \"stripe\"\nsecrets = \"hunter2\"",
    "preset = \"stripe\"\nsecrets = [\"\", \"${EMPTY}\", \"${UNSET}\", \"${LINE}\", \"whsec_\", \"v1,whsec_hunter2\", 7]",
    "preset = \"adyen\"\nsecrets = [\"hunter2\", \"0f1\"]",
    "preset = \"discord\"\nsecrets = [\"hunter2\", \"0f0f\"]",
    "preset = \"standard-webhooks\"\nsecrets = [\"whsec_hunter2!\", \"whpk_hunter2\", \"whsk_hunter2\", \"v1,whsec_hunter2\", \"secret hunter2\"]",
    "preset = \"sendgrid\"\nsecrets = [\"hunter2\", \"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]",
    "preset = \"postmark\"\nsecrets = [\"hunter2\"]",
    // What a preset needs besides.
    "preset = \"twilio\"\nsecrets = [\"${S}\"]",
    "preset = \"twilio\"\nsecrets = [\"${S}\"]\npublic_url = \"hooks.example.com/hunter2\"",
    "preset = \"square\"\nsecrets = [\"${S}\"]\npublic_url = \"https://hooks.example.com/hunter2#hunter2\"",
    "preset = \"paypal\"\ntopic_arn = \"arn:x\"",
    "preset = \"paypal\"\nwebhook_id = \"a b\"\ncert_pem = \"hunter2\"",
    "preset = \"aws-sns\"",
    "preset = \"aws-sns\"\ntopic_arn = \"MyTopic\"\nverify.content = \"{body}\"",
    "preset = \"meta\"\nsecrets = [\"${S}\"]\nhandshake_pending = true",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\nwebhook_id = \"x\"\nverify_token = \"hunter2\"",
    // Windows, limits, replies.
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ntolerance_past = \"five minutes\"\ntolerance_future = -1",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ntolerance_past = 99999999999\nmax_body_bytes = 0",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\nretry = { schedule = [\"1m\"], max_retries = 3, retry_on_status = [500] }",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\nreply = { bad_signature = 200, duplicate = 409, unavailable = 404, boddy = \"x\" }",
    // The grammar.
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha257\", content = \"{boddy}\", signature = { from = \"h:X Sig\", encoding = \"hx\" } }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", content = \"{ts}.{body\", signature = { from = \"X-Sig\", encoding = \"hex\" } }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", content = \"{timestamp}.{body}\", signature = { from = \"h:X-Sig\", encoding = \"hex\" } }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\" } }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\", encoding = \"hex\" } }",
    "secrets = [\"${S}\"]\nverify = { signature = { from = \"sig:v1\", encoding = \"hex\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { signature = { from = \"h:X-Sig\", encoding = \"hex\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"ed25519\", key = \"utf8\", signature = { from = \"h:X-Sig\", encoding = \"text\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"token\", signature = { from = \"h:X-Key\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\", encoding = \"hex\", sep = \",\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\", encoding = \"hex\", sep = \",\", kv = \",\", take = \"v1\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\", encoding = \"hex\", sep = \", \", kv = \"=\", take = \"v 1\" }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\", encoding = \"hex\" }, timestamp = { from = \"sig:t\" }, content = \"{timestamp}{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", signature = { from = \"h:X-Sig\", encoding = \"hex\", sep = \",\", kv = \"=\", versions = { v1 = { alg = \"token\" } } }, content = \"{body}\" }",
    "secrets = [\"${S}\"]\nverify = { alg = \"hmac-sha256\", secrets_like = \"whsec\", signature = { from = \"h:X-Sig\", encoding = \"hex\" }, content = \"{body}\", handshake = \"ping\", quirk = \"x\", replay = {} }",
    "secrets = [\"${S}\"]\nverify = []",
    "secrets = [\"${S}\"]\nverify = [{ alg = \"paypal\" }, { alg = \"token\", signature = { from = \"h:X-Key\" } }]",
    "preset = \"gitlab\"\nsecrets = [\"${S}\"]\nverify = { alg = \"token\", secrets_like = \"glpat-*\", signature = { from = \"h:X\" } }",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\nevents = { shape = \"list\", id = \"id\", id_template = \"{body}\", type = [\"j:a..b\"], each = \"\" }",
    "preset = \"sendgrid-hmac\"\nsecrets = [\"${S}\"]\nevents.each = \"items\"",
    // Mappings.
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ninto = {}",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ninto = { table = \"charges\", columns = {}, on_conflict = \"update\" }",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ninto = { table = \"public.c\", columns = { id = \"id\" }, conflict = [], on_conflict = \"update\" }",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ninto = { table = \"walhook.endpoint\", columns = { id = \"data..id\", a = {}, b = { path = \"x\", value = 1 }, c = { value = 1, as = \"unix\" }, d = { path = \"x\", as = \"iso\" }, e = { sql = \"\" }, \"\" = \"x\" } }",
    "preset = \"stripe\"\nsecrets = [\"${S}\"]\ninto = { table = \"public.c\", columns = { id = \"id\" }, types = [\"a,b\"], conflict = \"id\", on_conflict = \"replace\" }",
];

/// Whole files that are wrong.
const FILES: &[&str] = &[
    "[inbound]\nlisten = \"localhost:8080\"\nmax_body_bytes = \"1 MB\"\nlog_rejections = \"some\"\nport = 1\n",
    "[inbound]\nlisten = \"127.0.0.1:9090\"\n[inbound.sources.stripe]\npreset = \"stripe\"\nsecrets = [\"${S}\"]\n",
    "[inbound.sources.stripe]\n[inbound.sources.\"Acme Inc\"]\npreset = \"stripe\"\nsecrets = [\"${S}\"]\n",
    "[inbound.sources.a]\npreset = \"stripe\"\nsecrets = [\"hunter2\"]\n[inbound.sources.a]\npreset = \"github\"\n",
    "[inbound]\nsources = [\"stripe\"]\n",
    "[inbound.sources]\nstripe = \"hunter2\"\n",
    "[alerts]\ninbound_errors = { count = -1, window = 10, per = \"x\" }\n",
    "[alerts]\ninbound_errors = 10\n",
    "[retention]\ninbound = \"1h\"\n",
];

fn section(report: &mut String, input: &str, found: &str) {
    for line in input.lines() {
        writeln!(report, "# {line}").expect("a String takes all");
    }
    writeln!(report, "{found}\n").expect("a String takes all");
}

#[test]
fn every_mistake_is_named_with_its_place_and_its_fix() {
    const DATABASE: &str = "[database]\nurl = \"postgres://walhook@localhost/shop\"\n";
    let mut report = String::new();
    for source in SOURCES {
        let text = format!("{DATABASE}[inbound.sources.acme]\n{source}\n");
        section(&mut report, source, &faults(&text));
    }
    for file in FILES {
        section(&mut report, file, &faults(&format!("{DATABASE}{file}")));
    }
    assert!(!report.lines().any(|line| !line.starts_with('#') && line.contains("hunter2")));
    insta::assert_snapshot!(report);
}
