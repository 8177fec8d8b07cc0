//! `transform`: what templates make of events, and what becomes of events whose template fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};

const ONCE: &str = "retry = { schedule = [], jitter = 0.0 }";
/// Long enough for a reload in between.
const SOON: &str = "retry = { schedule = [\"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\"], jitter = 0.0 }";
const HOSTILE: &str = "\"}], \"text\": </script>\\ \n\t{{ id }} {% raw %} \u{2028} é 😀 ' \u{1}";

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database
        .execute("create table items (id int primary key, note text, doc json, secret text)")
        .await;
    database
}

/// An endpoint with a template.
fn transforming(name: &str, url: &str, template: &str, rest: &str) -> String {
    endpoint(name, url, &format!("transform = '''\n{template}'''\n{rest}"))
}

async fn insert(database: &Database, id: i32, note: &str, doc: &str) {
    let sql = "insert into items values ($1, $2, $3::text::json, 'hush')";
    database.client().execute(sql, &[&id, &note, &doc]).await.unwrap();
}

/// Whether nothing is left in the queue, and no body without a row.
const NOTHING_WAITS: &str = "select not exists (select from walhook.pending) \
                             and not exists (select from walhook.body)";

/// Error class and message of every attempt of an endpoint, and the payload of its log row.
async fn failures(database: &Database, name: &str) -> Vec<(String, String)> {
    let sql = "select error_class, error_message from walhook.webhook_attempt \
               where endpoint_name = $1 order by attempt";
    let rows = database.query(sql, &[&name]).await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn payload(database: &Database, name: &str) -> Value {
    let sql = "select payload::text from walhook.webhook_log where endpoint_name = $1";
    let text: String = database.query_one(sql, &[&name]).await;
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_template_makes_the_body_that_is_signed_sent_and_stored() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let template = r#"{"text": {{ object.note }}, "kind": {{ "item_" ~ event }},
 "tags": [{% for tag in object.doc.tags %}{{ tag|upper }}{% if not loop.last %}, {% endif %}{% endfor %}],
 "doc": {{ object.doc }}, "big": {{ object.doc.big + 1 }}}"#;
    let config = transforming("chat", &hooks.url("/chat"), template, "secrets = [\"s3cret\"]")
        + &endpoint("plain", &hooks.url("/plain"), "");
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    let doc = r#"{"z": 1.10, "tags": ["new", "hot"],  "big": 9223372036854775808}"#;
    insert(&database, 1, HOSTILE, doc).await;
    let chat = hooks.arrived_at("/chat", 1).await.remove(0);
    let plain = hooks.arrived_at("/plain", 1).await.remove(0);
    database.becomes_true("select count(*) = 2 from walhook.webhook_log").await;
    daemon.stop().await;

    assert_eq!(
        chat.text(),
        format!(
            "{{\"text\": {}, \"kind\": \"item_created\",\n \"tags\": [\"NEW\", \"HOT\"],\n \
             \"doc\": {doc}, \"big\": 9223372036854775809}}",
            json!(HOSTILE)
        )
    );
    assert_eq!(chat.json()["text"], HOSTILE);
    assert_eq!(plain.object()["note"], HOSTILE);
    assert_eq!(chat.event_id(), plain.event_id());
    assert_eq!(chat.header("content-type"), "application/json");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(chat.header("x-webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(chat.body());
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(chat.header("x-webhook-signature"), format!("sha256={hex}"));
    let sql = "select payload::text from walhook.webhook_log where endpoint_name = 'chat'";
    assert_eq!(database.query_one::<String>(sql, &[]).await, chat.text());
}

#[tokio::test]
async fn what_is_hidden_is_out_of_a_templates_reach_and_what_is_masked_is_masked_for_it() {
    let database = items().await;
    database.execute("alter table items replica identity full").await;
    let hooks = Hooks::ok().await;
    let template = r#"{"object": {{ object }}, "changes": {{ changes }}, "note": {{ object.note }},
        "secret": {{ object.secret|default("none") }}, "fields": {{ object|list }}}"#;
    let rest = "exclude_fields = [\"secret\"]\n\
                redact_fields = { \"public.items\" = { note = \"***\", \"doc.phone\" = \"+\" } }";
    let site = Site::new(
        &database,
        &["public.items"],
        &transforming("chat", &hooks.url("/"), template, rest),
    );
    let daemon = site.up().await;
    insert(&database, 1, "private", r#"{"phone":"12345"}"#).await;
    database.execute("update items set note = 'intimate', secret = 'hush hush'").await;
    let hooks = hooks.arrived(2).await;
    daemon.stop().await;
    let object = json!({"id": 1, "note": "***", "doc": {"phone": "+"}});
    let fields = json!(["id", "note", "doc"]);
    let created = json!({"object": object, "changes": null, "note": "***", "secret": "none", "fields": fields});
    let changes = json!({"note": {"old": "***", "new": "***"}});
    let updated = json!({"object": object, "changes": changes, "note": "***", "secret": "none", "fields": fields});
    assert_eq!(hooks.iter().map(Hook::json).collect::<Vec<_>>(), [created, updated]);
}

#[tokio::test]
async fn a_failing_template_is_a_failed_attempt_without_a_call_and_a_reload_mends_it() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let config = |template: &str| {
        let rest = format!(
            "exclude_fields = [\"secret\"]\nredact_fields = {{ \"public.items\" = {{ note = \"***\" }} }}\n{SOON}"
        );
        transforming("chat", &hooks.url("/chat"), template, &rest)
            + &endpoint("plain", &hooks.url("/plain"), "")
    };
    let site = Site::new(&database, &["public.items"], &config("{\"text\":\n {{ object.nope }}}"));
    let daemon = site.up().await;
    insert(&database, 1, "private", "{}").await;
    let plain = hooks.arrived_at("/plain", 1).await.remove(0);
    let retrying = "select count(*) = 1 from walhook.webhook_log where status = 'retrying' \
                    and attempts > 0 \
                    and endpoint_name = 'chat'";
    database.becomes_true(retrying).await;
    let (class, message) = failures(&database, "chat").await.remove(0);
    let expected = "template line 2, column 5: `object.nope` is undefined";
    assert_eq!((class.as_str(), message.as_str()), ("template", expected));
    let input = payload(&database, "chat").await;
    assert_eq!(input["object"], json!({"id": 1, "note": "***", "doc": {}}));
    assert!(hooks.at("/chat").is_empty());

    site.configure(&config("{\"text\": {{ object.note }}}"));
    daemon.signal("HUP").await;
    let chat = hooks.arrived_at("/chat", 1).await.remove(0);
    database.becomes_true(NOTHING_WAITS).await;
    let log = daemon.stop().await;
    assert_eq!(chat.text(), "{\"text\": \"***\"}");
    assert_eq!(chat.event_id(), plain.event_id());
    assert!(chat.attempt() > 1);
    let sql = "select id::text from walhook.webhook_log where endpoint_name = 'chat' and status = 'success'";
    assert_eq!(database.query_one::<String>(sql, &[]).await, chat.delivery_id());
    assert_eq!(payload(&database, "chat").await, json!({"text": "***"}));
    assert!(!log.contains("private") && !log.contains("hush"), "{log}");
}

#[tokio::test]
async fn a_template_that_runs_away_or_makes_no_json_fails_alone() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let cases = [
        (
            "runaway",
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}1",
            "it does too much and was stopped",
        ),
        (
            "bomb",
            "{% set x = object.note %}{% set x = x ~ x %}{% set x = x ~ x %}{{ x * 100000000 }}",
            "it does too much and was stopped",
        ),
        (
            "large",
            "[{% for a in range(3000) %}1,{% endfor %}1]",
            "the result is larger than max_event_bytes (4096)",
        ),
        (
            "text",
            "hello {{ object.note }}",
            "template line 1, column 1: the result is not JSON from here on",
        ),
        (
            "two",
            "{{ object.id }} {{ object.id }}",
            "the result is not JSON from here on: trailing characters",
        ),
        ("nothing", "{% if object.id == 2 %}{}{% endif %}", "the result is empty, and not JSON"),
        ("half", "{\"a\": {{ object.note }}", "the result is not JSON from here on"),
        ("type", "{{ object.note + 1 }}", "invalid operation in object.note + 1"),
    ];
    let mut config = "[delivery]\nmax_event_bytes = 4096\n".to_owned();
    config += &endpoint("plain", &hooks.url("/plain"), "");
    for (name, template, _) in cases {
        config += &transforming(name, &hooks.url("/failing"), template, ONCE);
    }
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    insert(&database, 1, "private", "{}").await;
    let plain = hooks.arrived_at("/plain", 1).await.remove(0);
    database
        .becomes_true("select count(*) = 8 from walhook.webhook_log where status = 'failed'")
        .await;
    for (name, _, expected) in cases {
        let (class, message) = failures(&database, name).await.remove(0);
        assert_eq!(class, "template", "{name}");
        assert!(message.contains(expected) && !message.contains("private"), "{name}: {message}");
        assert_eq!(payload(&database, name).await, plain.json(), "{name}: the log has the input");
    }
    daemon.stop().await;
    assert!(hooks.at("/failing").is_empty());
}

#[tokio::test]
async fn once_a_template_has_succeeded_the_bytes_stay_whatever_becomes_of_it() {
    let database = items().await;
    let (latch, held) = (Latch::new(), Latch::new());
    let hooks = Hooks::start({
        let (latch, held) = (latch.clone(), held.clone());
        move |hook| match (hook.attempt(), held.is_open()) {
            (1, _) => Reply::After(latch.clone(), Box::new(Reply::Status(500))),
            (_, false) => Reply::Status(500),
            (_, true) => Reply::Status(200),
        }
    })
    .await;
    let config = |version: u32| {
        let template = format!("{{\"version\": {version}, \"note\": {{{{ object.note }}}}}}");
        let rest = format!("max_in_flight = 1\nordering = \"none\"\n{SOON}");
        transforming("chat", &hooks.url("/"), &template, &rest)
    };
    let site = Site::new(&database, &["public.items"], &config(1));
    let daemon = site.up().await;
    insert(&database, 1, "a", "{}").await;
    insert(&database, 2, "b", "{}").await;
    // The second waits for the first for so long that it gets a row before its template has run.
    let marked = "select count(*) filter (where awaits_template) = 1 and count(*) = 2 \
                  from walhook.pending where state = 'in_flight'";
    database.becomes_true(marked).await;
    latch.open();
    let rendered = "select count(*) = 2 and bool_and(state = 'retry') and not bool_or(awaits_template) \
                    from walhook.pending";
    database.becomes_true(rendered).await;
    let bodies: i64 = database.query_one("select count(*) from walhook.body", &[]).await;
    assert_eq!(bodies, 2, "what the template was given is not kept beside what it made");
    site.configure(&config(2));
    daemon.signal("HUP").await;
    daemon.says_again("streaming", 2).await;
    held.open();
    insert(&database, 3, "c", "{}").await;
    database
        .becomes_true("select count(*) = 3 from walhook.webhook_log where status = 'success'")
        .await;
    database.becomes_true(NOTHING_WAITS).await;
    daemon.stop().await;
    for hook in hooks.all() {
        let note = hook.json()["note"].as_str().unwrap().to_owned();
        let version = if note == "c" { 2 } else { 1 };
        assert_eq!(hook.text(), format!("{{\"version\": {version}, \"note\": \"{note}\"}}"));
    }
}

#[tokio::test]
async fn deleted_emitted_and_trimmed_events_pass_through_templates_too() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let template = r#"{"type": {{ type }}, "id": {{ object.id }}, "gone": {{ (unavailable|default([]))|length }},
        "model": {{ model.label if model else "custom" }}}"#;
    let config = format!(
        "[delivery]\nmax_event_bytes = 1024\n{}",
        transforming("chat", &hooks.url("/"), template, "ordering = \"endpoint\"")
    );
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    insert(&database, 1, &"x".repeat(5000), "{}").await;
    database.execute("delete from items").await;
    database.execute("select walhook.emit('mfa.failed', '{\"id\": 7}')").await;
    let hooks = hooks.arrived(3).await;
    daemon.stop().await;
    let expected = [
        json!({"type": "items.created", "id": 1, "gone": 3, "model": "public.items"}),
        json!({"type": "items.deleted", "id": 1, "gone": 0, "model": "public.items"}),
        json!({"type": "mfa.failed", "id": 7, "gone": 0, "model": "custom"}),
    ];
    assert_eq!(hooks.iter().map(Hook::json).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn endpoints_with_one_template_get_the_same_bytes_and_those_with_another_their_own() {
    let database = items().await;
    let hooks = Hooks::start(|_| Reply::Status(503)).await;
    let config: String = [("a", "{{ id }}"), ("b", "{{ id }}"), ("c", "{{ type }}")]
        .map(|(name, template)| transforming(name, &hooks.url(&format!("/{name}")), template, SOON))
        .concat();
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    insert(&database, 1, "x", "{}").await;
    database.becomes_true("select count(*) = 3 from walhook.pending where state = 'retry'").await;
    let shapes: i64 =
        database.query_one("select count(distinct shape) from walhook.pending", &[]).await;
    let bodies: i64 = database.query_one("select count(*) from walhook.body", &[]).await;
    daemon.stop().await;
    assert_eq!((shapes, bodies), (2, 2));
    let body = |name: &str| hooks.at(name)[0].text().to_owned();
    assert_eq!(body("/a"), body("/b"));
    assert_eq!(body("/c"), "\"items.created\"");
}

#[tokio::test]
async fn check_says_what_is_wrong_with_a_template_and_where() {
    let database = items().await;
    let template = "{\"text\": {{ objct.note }}}";
    let site = Site::new(
        &database,
        &["public.items"],
        &transforming("chat", "http://127.0.0.1:9/", template, ""),
    );
    let (status, said, complaints) = site.walhook(&["check"]).await;
    let said = said + &complaints;
    assert_eq!(status.code(), Some(2), "{said}");
    let expected =
        "line 1, column 13: there is no member of the payload called objct; did you mean object?";
    assert!(said.contains(expected) && said.contains("endpoints[0].transform"), "{said}");
}
