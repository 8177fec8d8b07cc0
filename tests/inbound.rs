//! Providers' webhooks into tables: the built daemon, real sockets, a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use support::daemon::{Daemon, Site, endpoint};
use support::hooks::Hooks;
use support::pg::{Database, Pg};
use support::poster::{Poster, now, stripe_event, stripe_signature};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SECRET: &str = "whsec_test_7b1fStripeVectorSecret";

/// A receiver with the source `stripe`; `rest` are further lines.
fn inbound(rest: &str) -> String {
    format!(
        "[inbound]\nlisten = \"127.0.0.1:0\"\nretry = {{ schedule = [\"100ms\", \"100ms\"], jitter = 0.0 }}\n\
         [inbound.sources.stripe]\npreset = \"stripe\"\nsecrets = [\"${{STRIPE_SECRET}}\"]\n{rest}\n"
    )
}

async fn up(database: &Database, tables: &[&str], config: &str) -> (Site, Daemon, Poster) {
    let site = Site::new(database, tables, config).with_variable("STRIPE_SECRET", SECRET);
    let daemon = site.up().await;
    let poster = Poster::of(&daemon).await;
    (site, daemon, poster)
}

/// A handler that leaves one row for each run, bound to `pattern`.
async fn count_runs(database: &Database, pattern: &str) {
    database
        .execute(&format!(
            "create table run (event_id text, event_type text, amount int);
             create function note(event walhook.inbound_event) returns void language sql as $$
                 insert into run select event.event_id, event.event_type,
                     (event.payload #>> '{{data,object,amount}}')::int $$;
             select walhook.on_inbound('stripe', '{pattern}', 'note(walhook.inbound_event)')"
        ))
        .await;
}

#[tokio::test]
async fn an_event_is_stored_handled_once_and_a_repetition_is_answered_as_such() {
    let database = Pg::shared().database().await;
    let (_site, daemon, poster) = up(&database, &[], &inbound("")).await;
    count_runs(&database, "charge.*").await;
    let event = stripe_event("evt_1", "charge.succeeded");
    let first = poster.stripe(SECRET, &event).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.json(), json!({"status": "received", "events": 1, "duplicates": 0}));
    database.becomes_true("select status = 'processed' from walhook.inbound_event").await;
    let again = poster.stripe(SECRET, &event).await.json();
    assert_eq!((&again["status"], &again["duplicates"]), (&json!("duplicate"), &json!(1)));
    assert!(again["processed_at"].is_string(), "{again}");
    database.becomes_true("select times_seen = 2 from walhook.inbound_event").await;
    let row = "select (event_id, event_type, payload ->> 'object', status, attempts)::text \
               from walhook.inbound_event where raw = convert_to($1, 'UTF8')";
    let row: String = database.query_one(row, &[&event]).await;
    assert_eq!(row, "(evt_1,charge.succeeded,event,processed,1)");
    let runs: String =
        database.query_one("select string_agg(r::text, ';') from run as r", &[]).await;
    assert_eq!(runs, "(evt_1,charge.succeeded,5000)");
    daemon.stop().await;
}

#[tokio::test]
async fn an_event_without_a_handler_is_ignored_and_kept() {
    let database = Pg::shared().database().await;
    let (_site, _daemon, poster) = up(&database, &[], &inbound("")).await;
    count_runs(&database, "invoice.*").await;
    poster.stripe(SECRET, &stripe_event("evt_1", "charge.succeeded")).await;
    let status: String = database.query_one("select status from walhook.inbound_event", &[]).await;
    assert_eq!(status, "ignored");
}

#[tokio::test]
async fn what_is_not_genuine_is_refused_with_its_reason_and_leaves_no_event() {
    let database = Pg::shared().database().await;
    let rest = "[inbound.sources.strict]\npreset = \"stripe\"\nsecrets = [\"${STRIPE_SECRET}\"]\n\
                max_body_bytes = 1024\nreply = { bad_signature = 400 }\n\
                [inbound.sources.intercom]\npreset = \"intercom\"\nsecrets = [\"${STRIPE_SECRET}\"]\n";
    let (_site, daemon, poster) = up(&database, &[], &inbound(rest)).await;
    let event = stripe_event("evt_1", "charge.succeeded");
    let body = event.as_bytes();
    let genuine = stripe_signature(SECRET, now(), body);
    let other = stripe_signature("whsec_other", now(), body);
    let stale = stripe_signature(SECRET, now() - 301, body);
    let not_json = stripe_signature(SECRET, now(), b"{");
    let long = vec![b' '; 1025];
    for (method, path, signature, body, status, error) in [
        ("POST", "/webhooks/stripe", None, body, 401, "missing_signature"),
        ("POST", "/webhooks/stripe", Some("t=1780000000"), body, 401, "missing_signature"),
        ("POST", "/webhooks/stripe", Some(other.as_str()), body, 403, "bad_signature"),
        ("POST", "/webhooks/stripe/", Some(other.as_str()), body, 403, "bad_signature"),
        ("POST", "/webhooks/stripe", Some(stale.as_str()), body, 403, "timestamp_too_old"),
        ("POST", "/webhooks/stripe", Some(not_json.as_str()), b"{", 400, "bad_body"),
        ("POST", "/webhooks/strict", Some(other.as_str()), body, 400, "bad_signature"),
        ("POST", "/webhooks/strict", Some(genuine.as_str()), &long, 413, "body_too_large"),
        ("POST", "/webhooks/nobody", Some(genuine.as_str()), body, 404, "unknown_source"),
        ("POST", "/elsewhere", None, body, 404, "unknown_source"),
        ("GET", "/webhooks/stripe", None, b"", 405, "method_not_allowed"),
        ("HEAD", "/webhooks/stripe", None, b"", 405, ""),
        ("HEAD", "/webhooks/intercom", None, b"", 200, ""),
        ("GET", "/webhooks/intercom", None, b"", 405, "method_not_allowed"),
        ("PUT", "/webhooks/stripe", Some(genuine.as_str()), body, 405, "method_not_allowed"),
    ] {
        let headers: Vec<_> = signature.iter().map(|value| ("Stripe-Signature", *value)).collect();
        let answer = poster.request(method, path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path} {error}: {answer:?}");
        if method != "HEAD" {
            assert_eq!(answer.json(), json!({"status": "error", "error": error}), "{path}");
        }
    }
    let events: i64 = database.query_one("select count(*) from walhook.inbound_event", &[]).await;
    assert_eq!(events, 0);
    database
        .becomes_true(
            "select array_agg(distinct source || ' ' || reason order by source || ' ' || reason) = \
             '{strict bad_signature,stripe bad_body,stripe bad_signature,stripe missing_signature,stripe timestamp_too_old}' \
             from walhook.inbound_rejection",
        )
        .await;
    let skew: i64 = database
        .query_one(
            "select skew_seconds::int8 from walhook.inbound_rejection where reason = 'timestamp_too_old'",
            &[],
        )
        .await;
    assert!((-310..=-300).contains(&skew), "{skew}");
    daemon.stop().await;
}

#[tokio::test]
async fn two_hundred_posts_of_one_event_at_once_are_one_row_and_one_run() {
    let database = Pg::shared().database().await;
    let (_site, daemon, poster) = up(&database, &[], &inbound("")).await;
    count_runs(&database, "*").await;
    let event = stripe_event("evt_1", "charge.succeeded");
    let answers = join_all((0..200).map(|_| poster.stripe(SECRET, &event))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let received = answers.iter().filter(|answer| answer.json()["status"] == "received").count();
    assert_eq!(received, 1);
    database
        .becomes_true(
            "select count(*) = 1 and sum(times_seen) = 200 and min(status) = 'processed' \
             from walhook.inbound_event",
        )
        .await;
    daemon.stop().await;
    let runs: i64 = database.query_one("select count(*) from run", &[]).await;
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn kill_9_in_the_middle_of_two_thousand_runs_leaves_each_effect_exactly_once() {
    const EVENTS: i64 = 2_000;
    let database = Pg::shared().database().await;
    let (site, mut daemon, poster) = up(&database, &[], &inbound("")).await;
    count_runs(&database, "*").await;
    let post = |number: i64| {
        let event = stripe_event(&format!("evt_{number}"), "charge.succeeded");
        async move { assert_eq!(poster.stripe(SECRET, &event).await.status, 200) }
    };
    for first in (0..EVENTS).step_by(100) {
        join_all((first..first + 100).map(post)).await;
    }
    // Some have run by now; the daemon dies and comes back in the middle of the rest.
    for share in [4, 2] {
        let some = format!("select count(*) >= {EVENTS} / {share} from run");
        database.becomes_true(&some).await;
        daemon.kill().await;
        daemon = site.run().await;
    }
    database
        .becomes_true(
            "select count(*) = 2000 from walhook.inbound_event where status = 'processed'",
        )
        .await;
    let runs: (i64, i64) = {
        let rows = database.query("select count(*), count(distinct event_id) from run", &[]).await;
        (rows[0].get(0), rows[0].get(1))
    };
    assert_eq!(runs, (EVENTS, EVENTS));
}

#[tokio::test]
async fn without_a_database_nothing_is_acknowledged_and_it_recovers_by_itself() {
    let pg = Pg::start();
    let database = pg.database().await;
    let (_site, daemon, poster) = up(&database, &[], &inbound("")).await;
    let event = stripe_event("evt_1", "charge.succeeded");
    pg.cluster().stop_immediate();
    let begun = Instant::now();
    let refused = poster.stripe(SECRET, &event).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("\r\nretry-after: "), "{refused:?}");
    assert!(begun.elapsed().as_secs() < 6, "{:?}", begun.elapsed());
    pg.cluster().restart().unwrap();
    loop {
        let answer = poster.stripe(SECRET, &event).await;
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let database = database.connect().await;
    let stored: i64 = database
        .client
        .query_one("select count(*) from walhook.inbound_event", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(stored, 1);
    daemon.stop().await;
}

#[tokio::test]
async fn a_handlers_changes_do_not_echo_to_endpoints_that_exclude_their_origin() {
    let database = Pg::shared().database().await;
    database.execute("create table payment (id text primary key, status text)").await;
    let (all, others) = (Hooks::ok().await, Hooks::ok().await);
    let config = endpoint("all", &all.url("/"), "")
        + &endpoint("others", &others.url("/"), "exclude_origins = [\"stripe\"]")
        + "[payload]\ninclude_source = true\n"
        + &inbound("");
    let (_site, daemon, poster) = up(&database, &["public.payment"], &config).await;
    database
        .execute(
            "create function pay(event walhook.inbound_event) returns void language sql as $$
                 insert into public.payment values (event.payload #>> '{data,object,id}', 'paid') $$;
             select walhook.on_inbound('stripe', '*', 'pay(walhook.inbound_event)')",
        )
        .await;
    poster.stripe(SECRET, &stripe_event("evt_1", "charge.succeeded")).await;
    let hook = all.arrived(1).await.remove(0);
    assert_eq!(hook.json()["source"]["origin"], json!({"source": "stripe", "event_id": "evt_1"}));
    database.execute("insert into payment values ('by hand', 'paid')").await;
    assert_eq!(others.arrived(1).await[0].json()["object"]["id"], "by hand");
    daemon.stop().await;
}

#[tokio::test]
async fn a_mapping_writes_business_rows_without_a_function() {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create table charge (stripe_charge_id text unique, status text, amount numeric, created_at timestamptz)",
        )
        .await;
    let rest = "[inbound.sources.stripe.into]\ntable = \"public.charge\"\n\
         types = [\"charge.*\"]\nconflict = [\"stripe_charge_id\"]\non_conflict = \"update\"\n\
         [inbound.sources.stripe.into.columns]\nstripe_charge_id = \"data.object.id\"\n\
         status = { value = \"completed\" }\ncreated_at = { path = \"created\", as = \"unix\" }\n\
         amount = { sql = \"(payload #>> '{data,object,amount}')::numeric / 100\" }\n";
    let (_site, daemon, poster) = up(&database, &[], &inbound(rest)).await;
    poster.stripe(SECRET, &stripe_event("1", "charge.succeeded")).await;
    poster.stripe(SECRET, &stripe_event("2", "customer.created")).await;
    database
        .becomes_true(
            "select string_agg(event_type || ' ' || status, ', ' order by event_id) = \
             'charge.succeeded processed, customer.created ignored' from walhook.inbound_event",
        )
        .await;
    let row: String = database
        .query_one("select string_agg((c.stripe_charge_id, status, amount::float8, created_at at time zone 'UTC')::text, ';') from charge as c", &[])
        .await;
    assert_eq!(row, "(ch_1,completed,50,\"2026-05-28 20:26:40\")");
    daemon.stop().await;
}

#[tokio::test]
async fn a_new_source_is_there_after_a_reload() {
    let database = Pg::shared().database().await;
    let (site, daemon, poster) = up(&database, &[], &inbound("")).await;
    let event = stripe_event("evt_1", "charge.succeeded");
    let signature = stripe_signature(SECRET, now(), event.as_bytes());
    let headers = [("Stripe-Signature", signature.as_str())];
    assert_eq!(poster.post("/webhooks/second", &headers, event.as_bytes()).await.status, 404);
    site.configure(&inbound(
        "[inbound.sources.second]\npreset = \"stripe\"\nsecrets = [\"${STRIPE_SECRET}\"]\n",
    ));
    let reloaded = daemon.says_again("streaming", 2);
    daemon.signal("HUP").await;
    reloaded.await;
    assert_eq!(poster.post("/webhooks/second", &headers, event.as_bytes()).await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn bodies_signatures_and_secrets_appear_in_no_log_and_no_metric() {
    let database = Pg::shared().database().await;
    let (_site, daemon, poster) = up(&database, &[], &inbound("")).await;
    database
        .execute(
            "create table ssn (number text check (length(number) < 5));
             create function keep(event walhook.inbound_event) returns void language sql as $$
                 insert into ssn select event.payload ->> 'ssn' $$;
             select walhook.on_inbound('stripe', '*', 'keep(walhook.inbound_event)')",
        )
        .await;
    let event = r#"{"id":"evt_1","type":"charge.succeeded","ssn":"PRIVATE-078-05-1120"}"#;
    let signature = stripe_signature(SECRET, now(), event.as_bytes());
    poster.post("/webhooks/stripe", &[("Stripe-Signature", &signature)], event.as_bytes()).await;
    let forged = stripe_signature("whsec_other", now(), event.as_bytes());
    poster.post("/webhooks/stripe", &[("Stripe-Signature", &forged)], event.as_bytes()).await;
    database
        .becomes_true(
            "select status = 'failed' and next_retry_at is null from walhook.inbound_event",
        )
        .await;
    let log = daemon.stop().await;
    let hex = |signature: &str| signature.split("v1=").nth(1).unwrap().to_owned();
    for hidden in ["PRIVATE", "078-05", SECRET, "whsec_other", &hex(&signature), &hex(&forged)] {
        assert!(!log.contains(hidden), "{hidden} in:\n{log}");
    }
    for shown in ["\"evt_1\"", "charge.succeeded", "bad_signature"] {
        assert!(log.contains(shown), "no {shown} in:\n{log}");
    }
}

#[tokio::test]
async fn slow_clients_hold_nobody_up() {
    let database = Pg::shared().database().await;
    let (_site, daemon, poster) = up(&database, &[], &inbound("")).await;
    let mut slow = Vec::new();
    for number in 0..400 {
        let mut stream = TcpStream::connect(poster.address).await.unwrap();
        // Half a head, or a head whose body does not come.
        let part: &[u8] = match number % 2 {
            0 => b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nStripe-",
            _ => b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n{",
        };
        stream.write_all(part).await.unwrap();
        slow.push(stream);
    }
    let begun = Instant::now();
    let answer = poster.stripe(SECRET, &stripe_event("evt_1", "charge.succeeded")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(slow);
    daemon.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_before_a_stop_is_in_the_table() {
    let database = Pg::shared().database().await;
    let (_site, daemon, poster) = up(&database, &[], &inbound("")).await;
    let (first_answer, mut answered) = tokio::sync::mpsc::channel(1000);
    let posts = (0..500).map(|number| {
        let first_answer = first_answer.clone();
        async move {
            let event = stripe_event(&format!("evt_{number}"), "charge.succeeded");
            let acknowledged = poster.try_stripe(SECRET, &event).await == Some(200);
            let _ = first_answer.try_send(());
            acknowledged
        }
    });
    let stop = async {
        answered.recv().await;
        daemon.stop().await
    };
    let (acknowledged, log) = tokio::join!(join_all(posts), stop);
    let acknowledged = acknowledged.into_iter().filter(|yes| *yes).count();
    assert!(acknowledged > 0, "{log}");
    let stored: i64 = database.query_one("select count(*) from walhook.inbound_event", &[]).await;
    assert!(stored as usize >= acknowledged, "{stored} of {acknowledged}\n{log}");
}

#[tokio::test]
async fn metrics_count_events_by_source_type_and_status_and_rejections_by_reason() {
    let database = Pg::shared().database().await;
    let ops = free_port();
    let site = Site::new(&database, &[], &inbound("")).with_variable("STRIPE_SECRET", SECRET);
    let site = site.with_variable("WALHOOK_OPS__LISTEN", &format!("127.0.0.1:{ops}"));
    let daemon = site.up().await;
    let poster = Poster::of(&daemon).await;
    count_runs(&database, "charge.succeeded").await;
    for number in 0..210 {
        let event = stripe_event(&format!("evt_{number}"), &format!("made.up.{number}"));
        assert_eq!(poster.stripe(SECRET, &event).await.status, 200);
    }
    for _ in 0..2 {
        poster.stripe(SECRET, &stripe_event("evt_x", "made.up.1")).await;
    }
    poster.stripe("whsec_other", &stripe_event("evt_y", "made.up.1")).await;
    let at = Poster { address: ([127, 0, 0, 1], ops).into() };
    let metrics = at.request("GET", "/metrics", &[], b"").await.body;
    let of = |status: &str, event_type: &str| {
        format!(
            "walhook_inbound_events_total{{source=\"stripe\",event_type=\"{event_type}\",status=\"{status}\"}}"
        )
    };
    for (line, count) in [
        (of("received", "made.up.1"), 2),
        (of("duplicate", "made.up.1"), 1),
        (of("received", "other"), 10),
        ("walhook_inbound_rejections_total{source=\"stripe\",reason=\"bad_signature\"}".into(), 1),
    ] {
        assert!(metrics.contains(&format!("{line} {count}\n")), "{line} {count}:\n{metrics}");
    }
    daemon.stop().await;
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
