//! `[alerts] url`: every alert is told, once, and telling holds up nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};
use support::receiver::{Receiver, answer};

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    database
}

fn alerts_to(url: &str) -> String {
    format!("[alerts]\nurl = {url:?}\n")
}

/// A site that posts alerts to `chat` and delivers to `hooks`.
fn site(database: &Database, hooks: &Hooks, chat: &str) -> Site {
    let config = endpoint("crm", &hooks.url("/"), "") + &alerts_to(chat);
    Site::new(database, &["public.items"], &config)
}

/// Raises an alert as an operator's script might, with or without telling anybody.
async fn raise(database: &Database, message: &str) {
    let sql = format!(
        "insert into walhook.alert (severity, kind, message) \
         values ('warning', 'test', '{message}'); notify walhook_alert"
    );
    database.execute(&sql).await;
}

/// Makes what is to be tried again due now.
async fn hurry(database: &Database) {
    let sql = "update walhook.alert set notify_at = now() where notify_at is not null; \
               notify walhook_alert";
    database.execute(sql).await;
}

fn text(hook: &Hook) -> String {
    assert_eq!(hook.header("content-type"), "application/json");
    hook.json()["text"].as_str().unwrap().to_owned()
}

async fn taken(database: &Database, count: i64) {
    let sql = format!(
        "select count(*) = {count} from walhook.alert \
         where notified_at is not null and notify_at is null"
    );
    database.becomes_true(&sql).await;
}

#[tokio::test]
async fn each_alert_is_posted_once_as_a_text_whoever_raised_it() {
    let database = items().await;
    let hooks = Hooks::start(|_| Reply::Status(410)).await;
    let chat = Hooks::ok().await;
    let daemon = site(&database, &hooks, &chat.url("/services/T0/B0/key")).up().await;
    raise(&database, "by hand & <!here>").await;
    let first = &chat.arrived(1).await[0];
    assert_eq!(text(first), "[warning] test: by hand &amp; &lt;!here&gt;");
    assert_eq!((first.method(), first.path()), ("POST", "/services/T0/B0/key"));
    database.execute("insert into items values (1, 'x')").await;
    let second = &chat.arrived(2).await[1];
    let expected = "[critical] endpoint_disabled: endpoint crm answered 410 Gone and is disabled; \
                    its events are held";
    assert_eq!(text(second), expected);
    taken(&database, 2).await;
    daemon.stop().await;
    assert_eq!(chat.len(), 2);
}

#[tokio::test]
async fn what_was_raised_while_no_daemon_ran_is_told_at_start_unless_it_is_old_or_from_before() {
    let database = items().await;
    let (hooks, chat) = (Hooks::ok().await, Hooks::ok().await);
    let site = site(&database, &hooks, &chat.url("/"));
    site.init().await;
    for message in ["old", "before", "new"] {
        raise(&database, message).await;
    }
    // As a row that an upgrade found.
    database.execute("update walhook.alert set notify_at = null where message = 'before'").await;
    let old = "update walhook.alert set at = now() - interval '25 hours' where message = 'old'";
    database.execute(old).await;
    let daemon = site.run().await;
    assert_eq!(text(&chat.arrived(1).await[0]), "[warning] test: new");
    raise(&database, "last").await;
    assert_eq!(text(&chat.arrived(2).await[1]), "[warning] test: last");
    daemon.stop().await;
}

#[tokio::test]
async fn a_chat_that_fails_is_tried_a_few_times_and_then_let_be() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let trap = Hooks::ok().await;
    let location = format!("Location: {}", trap.url("/"));
    let replies = [
        Reply::Status(500),
        Reply::Drop,
        Reply::with("307 Elsewhere", &[&location]),
        Reply::Bytes(b"SSH-2.0\r\n\r\n".to_vec()),
        Reply::Status(404),
    ];
    let number = AtomicUsize::new(0);
    let chat = Hooks::start(move |hook| match text(hook).ends_with("later") {
        true => Reply::Status(200),
        false => replies[number.fetch_add(1, Ordering::SeqCst)].clone(),
    })
    .await;
    let daemon = site(&database, &hooks, &chat.url("/key-of-the-chat")).up().await;
    raise(&database, "first").await;
    for tries in 1..=4 {
        daemon.says_again("an alert was not taken; trying again", tries).await;
        chat.arrived(tries).await;
        let sql =
            format!("select notify_at > now() from walhook.alert where notify_tries = {tries}");
        database.becomes_true(&sql).await;
        // Meanwhile it holds up nothing.
        let insert = format!("insert into items values ({tries}, 'x')");
        database.execute(&insert).await;
        hooks.arrived(tries).await;
        hurry(&database).await;
    }
    daemon.says("an alert was not taken and is given up").await;
    database
        .becomes_true("select notify_at is null and notified_at is null from walhook.alert")
        .await;
    raise(&database, "later").await;
    chat.arrived(6).await;
    taken(&database, 1).await;
    let log = daemon.stop().await;
    assert!(!log.contains("key-of-the-chat") && !log.contains("first"), "{log}");
    assert_eq!((chat.len(), trap.len()), (6, 0));
}

#[tokio::test]
async fn a_chat_that_hangs_holds_up_no_delivery_and_no_stop() {
    let database = items().await;
    let (hooks, chat) = (Hooks::ok().await, Hooks::start(|_| Reply::Silence).await);
    let daemon = site(&database, &hooks, &chat.url("/")).up().await;
    raise(&database, "one").await;
    chat.arrived(1).await;
    database.execute("insert into items select g, 'x' from generate_series(1, 100) as g").await;
    hooks.arrived(100).await;
    let began = std::time::Instant::now();
    daemon.stop().await;
    assert!(began.elapsed().as_secs() < 8, "it does not wait for the chat's deadline");
}

#[tokio::test]
async fn many_alerts_at_a_time_become_one_bounded_text() {
    let database = items().await;
    let (hooks, chat) = (Hooks::ok().await, Hooks::ok().await);
    let site = site(&database, &hooks, &chat.url("/"));
    site.init().await;
    let many = "insert into walhook.alert (severity, kind, message) \
                select 'info', 'test', g || repeat(' long', 10000) from generate_series(1, 25) as g";
    database.execute(many).await;
    let daemon = site.run().await;
    taken(&database, 25).await;
    daemon.stop().await;
    let texts: Vec<String> = chat.all().iter().map(text).collect();
    assert_eq!(texts.len(), 2, "of 20 and of 5");
    let starts: Vec<_> = texts.iter().flat_map(|text| text.lines()).collect();
    for (line, number) in starts.iter().zip(1..) {
        assert!(line.starts_with(&format!("[info] test: {number} long")), "{line}");
    }
    assert!(texts.iter().all(|text| text.len() < 4500));
}

#[tokio::test]
async fn two_daemons_tell_an_alert_once_and_a_standby_tells_too() {
    let database = items().await;
    let (hooks, chat) = (Hooks::ok().await, Hooks::ok().await);
    let site = site(&database, &hooks, &chat.url("/"));
    let (holder, standby) = (site.up().await, site.start());
    standby.says("not streaming; trying again").await;
    for number in 1..=20 {
        raise(&database, &format!("number {number}.")).await;
    }
    taken(&database, 20).await;
    let all: String = chat.all().iter().map(|hook| text(hook) + "\n").collect();
    for number in 1..=20 {
        assert_eq!(all.matches(&format!("number {number}.")).count(), 1, "{all}");
    }
    holder.kill().await;
    standby.stop().await;
}

#[tokio::test]
async fn what_ends_the_daemon_is_told_before_it_ends() {
    let database = items().await;
    let (hooks, chat) = (Hooks::ok().await, Hooks::ok().await);
    let site = site(&database, &hooks, &chat.url("/"));
    site.init().await;
    let slot = &database.name;
    database.execute("insert into items values (1, 'x')").await;
    let drop = format!("select pg_drop_replication_slot('{slot}')");
    database.query(&drop, &[]).await;
    let daemon = site.start();
    let told = text(&chat.arrived(1).await[0]);
    assert!(told.starts_with(&format!("[critical] gap: slot {slot}: ")), "{told}");
    let (status, log) = daemon.ended().await;
    assert_eq!(status.code(), Some(1), "without a slot there is nothing to run for: {log}");
    taken(&database, 1).await;
}

#[tokio::test]
async fn a_reload_changes_where_alerts_go() {
    let database = items().await;
    let (hooks, first, second) = (Hooks::ok().await, Hooks::ok().await, Hooks::ok().await);
    let site = site(&database, &hooks, &first.url("/"));
    let daemon = site.up().await;
    raise(&database, "one").await;
    first.arrived(1).await;
    taken(&database, 1).await;
    let config = endpoint("crm", &hooks.url("/"), "") + &alerts_to(&second.url("/"));
    site.configure(&config);
    daemon.signal("HUP").await;
    daemon.says_again("streaming", 2).await;
    raise(&database, "two").await;
    second.arrived(1).await;
    taken(&database, 2).await;
    site.configure(&endpoint("crm", &hooks.url("/"), ""));
    daemon.signal("HUP").await;
    daemon.says_again("streaming", 3).await;
    raise(&database, "three").await;
    daemon.stop().await;
    assert_eq!((first.len(), second.len()), (1, 1));
}

#[tokio::test]
async fn the_alert_url_is_under_the_guard_and_never_shown() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let site = Site::new(
        &database,
        &["public.items"],
        &(endpoint("crm", &hooks.url("/"), "") + &alerts_to("${CHAT}")),
    )
    .with_variable("CHAT", "http://[::ffff:169.254.169.254]/services/k3y-of-the-chat?t=t0ken")
    .with_variable("RUST_LOG", "trace");
    let (status, stdout, stderr) = site.walhook(&["check"]).await;
    let said = format!("{stdout}{stderr}");
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("alerts.url") && said.contains("may not be called"), "{said}");
    let daemon = site.up().await;
    raise(&database, "one").await;
    let line = daemon.says("an alert was not taken; trying again").await;
    let why = line["why"].as_str().unwrap();
    assert!(why.contains("a cloud provider's metadata service"), "{why}");
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived(1).await;
    let log = daemon.stop().await;
    for secret in ["k3y-of-the-chat", "t0ken"] {
        assert!(!log.contains(secret) && !said.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_schema_from_before_an_upgrade_is_waited_for() {
    let database = items().await;
    let (hooks, chat) = (Hooks::ok().await, Hooks::ok().await);
    let site = site(&database, &hooks, &chat.url("/"));
    site.init().await;
    let before = "alter table walhook.alert drop column notify_at, drop column notify_tries, \
                  drop column notified_at";
    database.execute(before).await;
    let daemon = site.run().await;
    daemon.says("alerts are not posted just now").await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived(1).await;
    daemon.stop().await;
}

/// What a daemon posts under a proxy's settings, none of which may have been followed.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored_by_every_call() {
    let database = items().await;
    let proxy = Receiver::answering(answer("502 Proxy", &[], "")).await;
    let latch = Latch::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hooks = Hooks::start({
        let (latch, seen) = (latch.clone(), Arc::clone(&seen));
        move |hook| {
            seen.lock().unwrap().push(hook.path().to_owned());
            match hook.path() {
                "/token" => {
                    let body = r#"{"access_token":"a","token_type":"bearer"}"#;
                    Reply::Bytes(answer("200 OK", &[], body))
                }
                "/hook" => latch.then_ok(),
                _ => Reply::Status(200),
            }
        }
    })
    .await;
    latch.open();
    let auth = format!(
        "auth = {{ type = \"oauth2\", client_id = \"walhook\", client_secret = \"${{SECRET}}\", \
         token_url = {:?} }}",
        hooks.url("/token")
    );
    let config = endpoint("crm", &hooks.url("/hook"), &auth) + &alerts_to(&hooks.url("/chat"));
    let mut site = Site::new(&database, &["public.items"], &config).with_variable("SECRET", "x");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        site = site.with_variable(name, &proxy.url(""));
    }
    let daemon = site.up().await;
    raise(&database, "one").await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived(3).await;
    daemon.stop().await;
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, ["/chat", "/hook", "/token"]);
    assert_eq!(proxy.connections(), 0);
}
