//! `docs/inbound.md`, held to what works: its configurations load, its SQL runs, and what it
//! signs with openssl and posts with curl is received.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::daemon::{Daemon, Site, endpoint};
use support::hooks::Hooks;
use support::pg::{Database, Pg};
use support::poster::{Poster, stripe_event};
use tempfile::TempDir;
use walhook::config::{Config, Environment};

const PAGE: &str = include_str!("../docs/inbound.md");
const PRESETS: &str = include_str!("../src/config/inbound/presets.toml");

/// A secret of each form for the variables of the page; others are any text.
const SECRETS: &[(&str, &str)] = &[
    ("STRIPE_WEBHOOK_SECRET", "whsec_test_7b1fStripeVectorSecret"),
    ("STANDARD_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("SENDGRID_PARSE_KEY", P256_KEY),
    ("SENDGRID_PUBLIC_KEY", P256_KEY),
    ("DISCORD_PUBLIC_KEY", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    ("ADYEN_HMAC_KEY", "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"),
    ("SLACK_WEBHOOK_URL", "https://hooks.slack.example/services/T0/B0/x"),
    ("BAMBOOHR_BASIC", "bamboo:s3cret"),
    ("POSTMARK_BASIC", "postmark:s3cret"),
    ("DATABASE_URL", "postgres://walhook@localhost/shop"),
];
const P256_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";

/// A fenced block.
#[derive(Debug)]
struct Block {
    /// The heading that it stands under.
    heading: &'static str,
    language: &'static str,
    text: &'static str,
}

/// The fenced blocks in order.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = "";
    for (index, part) in PAGE.split("\n```").enumerate() {
        let (first, text) = part.split_once('\n').unwrap_or((part, ""));
        if index % 2 == 1 {
            blocks.push(Block { heading, language: first, text });
        } else if let Some(last) = text.lines().rev().find(|line| line.starts_with('#')) {
            heading = last.trim_start_matches('#').trim();
        }
    }
    blocks
}

fn under(heading: &str, language: &str) -> Vec<&'static str> {
    let of = |block: &Block| block.heading == heading && block.language == language;
    let found: Vec<_> = blocks().into_iter().filter(of).map(|block| block.text).collect();
    assert!(!found.is_empty(), "no {language} under {heading:?}");
    found
}

/// The value of each variable that `text` refers to.
fn variables(text: &str) -> Vec<(String, String)> {
    let names: BTreeSet<&str> =
        text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
    let value = |name: &str| {
        let known = SECRETS.iter().find(|(known, _)| *known == name);
        known.map_or_else(|| format!("secret-of-{name}"), |(_, value)| (*value).to_owned())
    };
    names.into_iter().map(|name| (name.to_owned(), value(name))).collect()
}

/// Every source of the chapter on presets.
fn preset_sources() -> String {
    let (_, chapter) = PAGE.split_once("\n### Generic\n").unwrap();
    let (chapter, _) = chapter.split_once("\n## ").unwrap();
    let toml = chapter.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    toml.map(|text| format!("{text}\n")).collect()
}

/// A receiver with `sources`.
fn receiving(sources: &str) -> String {
    format!("[inbound]\nlisten = \"127.0.0.1:0\"\n{sources}")
}

async fn up(database: &Database, config: &str, secrets: &[(String, String)]) -> (Site, Daemon) {
    let mut site = Site::new(database, &[], config);
    for (name, value) in secrets {
        site = site.with_variable(name, value);
    }
    let daemon = site.up().await;
    (site, daemon)
}

/// Runs a block in `home`, posting to `poster`; returns what it prints.
fn shell(
    home: &Path,
    script: &str,
    poster: Option<Poster>,
    secrets: &[(String, String)],
) -> String {
    let script = match poster {
        Some(poster) => script.replace("127.0.0.1:8080", &poster.address.to_string()),
        None => script.to_owned(),
    };
    let output = Command::new("sh")
        .args(["-e", "-c", &script])
        .current_dir(home)
        .envs(secrets.iter().cloned())
        .env("PATH", path())
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{script}\n{said}\n{}", text(&output.stderr));
    said
}

/// Where programs are found: walhook beside the system's.
fn path() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_walhook")).parent().unwrap().to_owned();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&paths))).unwrap()
}

fn answer(said: &str) -> Value {
    serde_json::from_str(said).unwrap_or_else(|_| panic!("not JSON: {said:?}"))
}

#[test]
fn every_configuration_loads() {
    let home = TempDir::new().unwrap();
    for block in blocks().iter().filter(|block| block.language == "toml") {
        let database = if block.text.contains("[database]") {
            ""
        } else {
            "[database]\nurl = \"${DATABASE_URL}\"\n"
        };
        let text = format!("{database}{}", block.text);
        let path = home.path().join("config.toml");
        std::fs::write(&path, &text).unwrap();
        let variables = variables(&text);
        let environment: Environment =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let loaded = Config::load(Some(&path), &environment);
        assert!(loaded.is_ok(), "{}:\n{}", block.heading, loaded.unwrap_err());
    }
}

#[test]
fn every_preset_has_its_row_and_its_section() {
    let presets: toml::Table = PRESETS.parse().unwrap();
    let mut named: Vec<&str> = presets.keys().map(String::as_str).collect();
    named.push("svix");
    let (_, overview) = PAGE.split_once("\n### Overview\n").unwrap();
    let (overview, _) = overview.split_once("\n### ").unwrap();
    let in_rows: BTreeSet<&str> = overview
        .lines()
        .filter_map(|line| line.strip_prefix("| [")?.split_once(']'))
        .flat_map(|(names, _)| names.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect();
    assert_eq!(in_rows, named.iter().copied().collect::<BTreeSet<_>>());
    let sources = preset_sources();
    for name in named.iter().filter(|name| **name != "svix") {
        assert!(sources.contains(&format!("preset = \"{name}\"\n")), "{name}");
    }
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let anchor = |heading: &str| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    let headings: BTreeSet<String> = PAGE
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect();
    for link in PAGE.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(headings.contains(link), "#{link}");
    }
}

#[test]
fn every_flag_of_walhook_exists() {
    let commands = blocks().into_iter().filter(|block| block.language == "sh");
    let lines = commands.flat_map(|block| block.text.lines());
    for line in lines.filter(|line| line.starts_with("walhook ")) {
        let mut words = line.split_whitespace().skip(1);
        let command = words.next().unwrap();
        let help = Command::new(env!("CARGO_BIN_EXE_walhook")).args([command, "--help"]).output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        for flag in words.filter(|word| word.starts_with('-')) {
            assert!(help.contains(flag), "{line}: no {flag} in\n{help}");
        }
    }
}

#[test]
fn a_failed_signature_is_explained_as_shown() {
    let home = TempDir::new().unwrap();
    let [script] = under("When a signature fails", "sh")[..] else { panic!("one sh block") };
    let secrets = variables("${STRIPE_WEBHOOK_SECRET}");
    let said = shell(home.path(), &format!("{script} || true"), None, &secrets);
    assert_eq!(said, under("When a signature fails", "")[0]);
}

#[tokio::test]
async fn the_five_minutes_end_with_a_payment_once() {
    let database = Pg::shared().database().await;
    let config = under("Five minutes", "toml")[0];
    let (_, inbound) = config.split_once("\n[inbound]\n").unwrap();
    let config = format!("[inbound]\n{}", inbound.replace("127.0.0.1:8080", "127.0.0.1:0"));
    let secrets = variables(&config);
    let (_site, daemon) = up(&database, &config, &secrets).await;
    let (home, poster) = (TempDir::new().unwrap(), Poster::of(&daemon).await);

    let [_, send] = under("Five minutes", "sh")[..] else { panic!("two sh blocks") };
    let said = answer(&shell(home.path(), send, Some(poster), &secrets));
    assert_eq!(said, answer(under("Five minutes", "json")[0]));
    let [look, handle, retry] = under("Five minutes", "sql")[..] else {
        panic!("three sql blocks")
    };
    database.becomes_true("select status = 'ignored' from walhook.inbound_log").await;
    database.execute(look).await;
    database.execute(handle).await;
    database.execute(retry).await;
    let payments = "select string_agg(p::text, ' ' order by event_id) from payment as p";
    database.becomes_true("select count(*) = 1 from payment").await;

    let another = send.replace("evt_1", "evt_2");
    shell(home.path(), &another, Some(poster), &secrets);
    database.becomes_true("select count(*) = 2 from payment").await;
    let again = answer(&shell(home.path(), &another, Some(poster), &secrets));
    assert_eq!(again["status"], "duplicate");
    let payments: String = database.query_one(payments, &[]).await;
    assert_eq!(payments, "(evt_1,42,19.90) (evt_2,42,19.90)");
    daemon.stop().await;
}

#[tokio::test]
async fn what_it_signs_with_openssl_is_received() {
    let database = Pg::shared().database().await;
    let home = TempDir::new().unwrap();
    let sources = preset_sources() + under("A provider that walhook does not know", "toml")[0];
    let mut secrets = variables(&sources);
    let [make_key, ..] = under("SendGrid events", "sh")[..] else { panic!("no key") };
    let public_key = shell(home.path(), make_key, None, &secrets);
    for (_, value) in secrets.iter_mut().filter(|(name, _)| name == "SENDGRID_PUBLIC_KEY") {
        value.clone_from(&public_key);
    }
    let (_site, daemon) = up(&database, &receiving(&sources), &secrets).await;
    let poster = Poster::of(&daemon).await;
    let posts = |block: &Block| block.language == "sh" && block.text.contains("curl");
    let posts: Vec<Block> = blocks().into_iter().filter(posts).collect();
    // The first is that of the five minutes.
    for block in &posts[1..] {
        let said = shell(home.path(), block.text, Some(poster), &secrets);
        let said = if said.starts_with('<') { continue } else { answer(&said) };
        assert_eq!(said["status"], "received", "{}: {said}", block.heading);
    }
    assert!(posts.len() > 13, "{}", posts.len());
    let stored = "select count(distinct source) >= 13 from walhook.inbound_event";
    assert!(database.query_one::<bool>(stored, &[]).await);
    daemon.stop().await;
}

#[tokio::test]
async fn its_handlers_its_mapping_and_its_events_for_people_work() {
    let database = Pg::shared().database().await;
    let hooks = Hooks::ok().await;
    for sql in under("Rows without a function", "sql") {
        database.execute(sql).await;
    }
    let mapped = under("Rows without a function", "toml")[0];
    let desk = endpoint("desk", &hooks.url("/desk"), "events = [\"dispute.*\"]");
    let [_, slack] = under("Telling people", "toml")[..] else { panic!("two toml blocks") };
    let slack = slack.replace("${SLACK_WEBHOOK_URL}", &hooks.url("/slack"));
    let secrets = variables(mapped);
    let config = [receiving(mapped), desk, slack].join("\n");
    let (_site, daemon) = up(&database, &config, &secrets).await;
    let [bind, unbind] = under("Handlers", "sql")[..] else { panic!("two sql blocks") };
    database.execute(bind).await;
    database.execute(under("Telling people", "sql")[0]).await;
    let poster = Poster::of(&daemon).await;
    let (_, secret) = secrets.first().unwrap();
    let subscription = r#"{"id":"evt_1","type":"customer.subscription.created","data":{"object":{"customer":"cus_1","items":{"data":[{"price":{"id":"pro"}}]}}}}"#;
    let dispute = r#"{"id":"evt_2","type":"charge.dispute.created","data":{"object":{"charge":"ch_1","reason":"\"not mine\""}}}"#;
    for event in [subscription, dispute, &stripe_event("evt_3", "charge.succeeded")] {
        assert_eq!(poster.stripe(secret, event).await.status, 200);
    }
    database
        .becomes_true("select bool_and(plan = 'pro' and stripe_customer = 'cus_1') from account")
        .await;
    let told = hooks.arrived_at("/desk", 1).await.remove(0);
    assert_eq!(told.event_type(), "dispute.opened");
    assert_eq!(told.object(), json!({"text": "Dispute over ch_1: \"not mine\""}));
    let slack = hooks.arrived_at("/slack", 1).await.remove(0);
    assert_eq!(slack.text(), r#"{"text": "Dispute over ch_1: \"not mine\""}"#);
    assert_eq!(slack.event_id(), told.event_id());
    database
        .becomes_true(
            "select bool_and(amount = 50 and provider = 'stripe' and details ? 'id') from charge",
        )
        .await;
    assert!(database.query_one::<bool>(unbind, &[]).await, "it was there");
    for heading in ["When a signature fails", "Watching it", "Errors and retries"] {
        for sql in under(heading, "sql") {
            database.execute(sql).await;
        }
    }
    daemon.stop().await;
}
