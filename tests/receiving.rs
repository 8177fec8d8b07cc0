//! The receivers of `docs/receiving.md`, in Python and Node, against signed requests.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{SystemTime, UNIX_EPOCH};

use support::pg::Pg;
use support::snippets::{LANGUAGES, Language, Snippet};
use walhook::secret::Secret;
use walhook::sign::{Message, Scheme, Signer};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

const PROFILES: [(&str, Scheme); 4] = [
    ("x-webhook", Scheme::XWebhook),
    ("standard", Scheme::Standard),
    ("body", Scheme::Body),
    ("x-signature", Scheme::XSignature),
];

fn every_receiver(secrets: &[&str], test: impl Fn(Language, Scheme, &mut Snippet)) {
    for language in LANGUAGES {
        for (profile, scheme) in PROFILES {
            let mut snippet = Snippet::start(language, profile, secrets);
            test(language, scheme, &mut snippet);
        }
    }
}

/// A body as walhook writes it, with letters beyond ASCII.
fn body(number: u8) -> String {
    format!(
        r#"{{"id":"evt_{number:026}","type":"order.created","object":{{"name":"Zoë €","total":"1.10"}}}}"#
    )
}

fn handled(number: u8) -> String {
    format!("handled evt_{number:026} order.created")
}

/// The headers of an attempt that began `age` seconds ago.
fn headers(scheme: Scheme, secrets: &[&str], body: &str, age: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let timestamp = now.saturating_add_signed(-age).to_string();
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    let signer = Signer::new(scheme, &secrets).expect("the secrets can sign");
    let id = body.get(7..37).unwrap_or("evt_0");
    let values = signer.sign(&Message { id, timestamp: &timestamp, body: body.as_bytes() });
    let mut headers = format!("X-Webhook-Event-Id: {id}\r\nX-Webhook-Timestamp: {timestamp}\r\n");
    for (name, value) in signer.header_names().iter().zip(values) {
        headers.push_str(&format!("{name}: {value}\r\n"));
    }
    headers
}

fn post(snippet: &Snippet, headers: &str, body: &str) -> u16 {
    let length = body.len();
    send(snippet, &format!("Content-Length: {length}\r\n{headers}\r\n{body}"))
}

fn send(snippet: &Snippet, rest: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", snippet.port)).expect("it listens");
    let request = format!("POST /hooks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{rest}");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[test]
fn a_good_signature_is_accepted_and_the_event_handled() {
    every_receiver(&[SECRET], |language, scheme, snippet| {
        let headers = headers(scheme, &[SECRET], &body(1), 0);
        assert_eq!(post(snippet, &headers, &body(1)), 200, "{language:?} {scheme:?}");
        assert_eq!(snippet.next_line(), handled(1));
    });
}

#[test]
fn a_tampered_or_unsigned_body_is_refused_and_nothing_handled() {
    every_receiver(&[SECRET], |language, scheme, snippet| {
        let headers_of = |secret| headers(scheme, &[secret], &body(1), 0);
        let tampered = body(1).replace("1.10", "9.10");
        assert_eq!(post(snippet, &headers_of(SECRET), &tampered), 401, "{language:?} {scheme:?}");
        assert_eq!(post(snippet, &headers_of("other"), &body(1)), 401);
        assert_eq!(post(snippet, "", &body(1)), 401);
        let garbage = "X-Webhook-Timestamp: now\r\nwebhook-id: \r\nwebhook-signature: v1,\r\n\
            X-Webhook-Signature: sha256=é\r\nX-Signature: é\r\n";
        assert_eq!(post(snippet, garbage, &body(1)), 401);
        let good = headers(scheme, &[SECRET], &body(2), 0);
        assert_eq!(post(snippet, &good, &body(2)), 200);
        assert_eq!(snippet.next_line(), handled(2), "and nothing before it");
    });
}

#[test]
fn a_stale_or_future_timestamp_is_refused_where_the_profile_signs_one() {
    every_receiver(&[SECRET], |language, scheme, snippet| {
        let expected = match scheme {
            Scheme::XWebhook | Scheme::Standard => 401,
            Scheme::Body | Scheme::XSignature => 200,
        };
        for age in [310, -310] {
            let headers = headers(scheme, &[SECRET], &body(1), age);
            let status = post(snippet, &headers, &body(1));
            assert_eq!(status, expected, "{language:?} {scheme:?} {age}");
        }
        for age in [290, -290] {
            let headers = headers(scheme, &[SECRET], &body(1), age);
            assert_eq!(post(snippet, &headers, &body(1)), 200, "{language:?} {scheme:?} {age}");
        }
    });
}

#[test]
fn a_duplicate_is_acknowledged_and_handled_once() {
    every_receiver(&[SECRET], |language, scheme, snippet| {
        for number in [1, 1, 2] {
            let headers = headers(scheme, &[SECRET], &body(number), 0);
            assert_eq!(post(snippet, &headers, &body(number)), 200, "{language:?} {scheme:?}");
        }
        assert_eq!([snippet.next_line(), snippet.next_line()], [handled(1), handled(2)]);
    });
}

#[test]
fn a_forged_event_id_header_does_not_make_a_replay_new() {
    every_receiver(&[SECRET], |language, scheme, snippet| {
        let headers = headers(scheme, &[SECRET], &body(1), 0);
        let forged = headers.replacen("Event-Id: evt_", "Event-Id: evt_x", 1);
        for headers in [&headers, &forged] {
            assert_eq!(post(snippet, headers, &body(1)), 200, "{language:?} {scheme:?}");
        }
        let next = self::headers(scheme, &[SECRET], &body(2), 0);
        assert_eq!(post(snippet, &next, &body(2)), 200);
        assert_eq!([snippet.next_line(), snippet.next_line()], [handled(1), handled(2)]);
    });
}

#[test]
fn a_rotation_loses_nothing_whoever_learns_of_it_first() {
    every_receiver(&[SECRET, OLD], |language, scheme, snippet| {
        // The receiver knows the new secret before the sender uses it, and after.
        for secrets in [&[OLD][..], &[SECRET, OLD], &[SECRET]] {
            let headers = headers(scheme, secrets, &body(1), 0);
            assert_eq!(post(snippet, &headers, &body(1)), 200, "{language:?} {scheme:?}");
        }
    });
    every_receiver(&[OLD], |language, scheme, snippet| {
        let carries_both = matches!(scheme, Scheme::XWebhook | Scheme::Standard);
        let headers = headers(scheme, &[SECRET, OLD], &body(1), 0);
        let expected = if carries_both { 200 } else { 401 };
        assert_eq!(post(snippet, &headers, &body(1)), expected, "{language:?} {scheme:?}");
    });
}

#[test]
fn a_plain_text_secret_works_under_every_profile() {
    every_receiver(&["correct-horse"], |language, scheme, snippet| {
        let headers = headers(scheme, &["correct-horse"], &body(1), 0);
        assert_eq!(post(snippet, &headers, &body(1)), 200, "{language:?} {scheme:?}");
    });
}

#[test]
fn a_body_over_the_limit_is_refused_without_being_read() {
    let snippet = Snippet::start(Language::Python, "body", &[SECRET]);
    assert_eq!(send(&snippet, "Content-Length: 99999999\r\n\r\n"), 413);
    assert_eq!(send(&snippet, "Content-Length: -1\r\n\r\n"), 411);
}

/// `walhook` with a configuration file.
fn walhook(command: &str, config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_walhook"))
        .args([command, "--config"])
        .arg(config)
        .env("RUST_LOG", "warn")
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("walhook starts")
}

/// Killed when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_committed_row_is_accepted_by_every_receiver() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id bigint primary key, name text)").await;
    let mut config = format!(
        "[database]\nurl = {:?}\nslot = {:?}\n[models.\"shop.Order\"]\ntable = \"public.orders\"\n\
         [security]\nallow_http = true\nallow_cidrs = [\"127.0.0.0/8\"]\n[ops]\nlisten = \"\"\n",
        database.url, database.name
    );
    let mut snippets = Vec::new();
    for language in LANGUAGES {
        for (profile, _) in PROFILES {
            let snippet = Snippet::start(language, profile, &[SECRET]);
            config.push_str(&format!(
                "[[endpoints]]\nname = \"{language:?}-{profile}\"\nsignature = [{profile:?}]\n\
                 url = \"http://127.0.0.1:{}/\"\nsecrets = [{SECRET:?}, {OLD:?}]\n",
                snippet.port
            ));
            snippets.push(snippet);
        }
    }
    let home = tempfile::tempdir().expect("a directory can be made");
    let file = home.path().join("config.toml");
    std::fs::write(&file, config).expect("it can be written");
    assert!(walhook("init", &file).wait().expect("it ends").success());
    database.execute("insert into orders values (1, 'Zoë €'), (2, 'two')").await;
    let _daemon = Daemon(walhook("run", &file));
    let mut handled = Vec::new();
    for snippet in &mut snippets {
        let mut both = [snippet.next_line(), snippet.next_line()];
        both.sort();
        handled.push(both);
    }
    let first = &handled[0];
    assert!(first.iter().all(|line| line.starts_with("handled evt_")), "{first:?}");
    assert!(first.iter().all(|line| line.ends_with(" order.created")), "{first:?}");
    assert_ne!(first[0], first[1]);
    assert!(handled.iter().all(|both| both == first), "the same ids everywhere: {handled:?}");
}
