//! What an answer, or none, does to a delivery and to its endpoint, and what the log tells of it.
//! Contract 3.3.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};
use support::receiver::{Receiver, answer};

/// What a busy machine may add to a delay.
const SLACK: Duration = Duration::from_secs(2);

const ONCE: &str = "retry = { schedule = [], jitter = 0.0 }";

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    database
}

fn ids(hooks: &[Hook]) -> Vec<i64> {
    hooks.iter().map(|hook| hook.number("id")).collect()
}

fn gaps(hooks: &[Hook]) -> Vec<Duration> {
    hooks.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

/// Waits until nothing is pending or on its way.
async fn settled(database: &Database, deliveries: i64) {
    database
        .becomes_true(&format!(
            "select count(*) = {deliveries} from walhook.webhook_log \
             where status in ('success', 'failed', 'held', 'cancelled')"
        ))
        .await;
}

#[tokio::test]
async fn a_2xx_succeeds_and_everything_else_is_retried_and_fails_without_following_redirects() {
    const SUCCESS: [u16; 5] = [200, 201, 202, 204, 299];
    const FAILURE: [u16; 17] =
        [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 409, 418, 422, 500, 501, 503];
    let database = items().await;
    let trap = Hooks::ok().await;
    let location = format!("Location: {}", trap.url("/trap"));
    let hooks = Hooks::start(move |hook| {
        let status: u16 = hook.path()[1..].parse().unwrap();
        let status = format!("{status} X");
        match status.starts_with('3') {
            true => Reply::with(&status, &[&location]),
            false => Reply::Bytes(answer(&status, &[], "")),
        }
    })
    .await;
    let config: String = [&SUCCESS[..], &FAILURE[..]]
        .concat()
        .iter()
        .map(|status| {
            let url = hooks.url(&format!("/{status}"));
            endpoint(
                &format!("e{status}"),
                &url,
                "retry = { schedule = [\"100ms\"], jitter = 0.0 }",
            )
        })
        .collect();
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    settled(&database, (SUCCESS.len() + FAILURE.len()) as i64).await;
    daemon.stop().await;
    for (statuses, status, attempts) in [(&SUCCESS[..], "success", 1), (&FAILURE[..], "failed", 2)]
    {
        for code in statuses {
            let name = format!("e{code}");
            let row = database
                .query(
                    "select status, status_code, attempts, error_message is not null, \
                            completed_at is not null, next_retry_at is null \
                     from walhook.webhook_log where endpoint_name = $1",
                    &[&name],
                )
                .await
                .remove(0);
            let found: (String, i32, i32) = (row.get(0), row.get(1), row.get(2));
            assert_eq!(found, (status.to_owned(), i32::from(*code), attempts), "{code}");
            let has_error: bool = row.get(3);
            assert_eq!(has_error, status == "failed", "{code}");
            assert!(row.get::<_, bool>(4) && row.get::<_, bool>(5));
            let count = hooks.at(&format!("/{code}")).len();
            assert_eq!(count as i32, attempts, "{code}");
        }
    }
    assert_eq!(trap.len(), 0, "a redirect was followed");
}

#[tokio::test]
async fn retries_follow_the_schedule_with_the_same_bytes_and_a_fresh_signature_and_then_stop() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let database = items().await;
    let hooks = Hooks::start(|_| Reply::Bytes(answer("500 Oops", &[], "broken"))).await;
    let rest = format!(
        "secrets = [{secret:?}]\n\
         retry = {{ schedule = [\"100ms\", \"400ms\", \"1100ms\"], jitter = 0.0 }}"
    );
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), &rest));
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived(2).await;
    database.becomes_true("select status = 'retrying' from walhook.webhook_log").await;
    let soon: bool = database
        .query_one(
            "select bool_and(next_retry_at < now() + interval '1500 ms') from walhook.webhook_log",
            &[],
        )
        .await;
    assert!(soon);
    settled(&database, 1).await;
    daemon.stop().await;

    let hooks = hooks.all();
    assert_eq!(hooks.iter().map(Hook::attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    for (gap, delay) in gaps(&hooks).into_iter().zip([100, 400, 1100].map(Duration::from_millis)) {
        assert!(gap >= delay && gap < delay + SLACK, "{gap:?} instead of {delay:?}");
    }
    for hook in &hooks {
        assert_eq!(hook.body(), hooks[0].body());
        assert_eq!(hook.event_id(), hooks[0].event_id());
        assert_eq!(hook.delivery_id(), hooks[0].delivery_id());
        assert_eq!(hook.header("webhook-id"), hook.event_id());
        assert_is_signed(hook, secret);
    }
    let first: i64 = hooks[0].header("x-webhook-timestamp").parse().unwrap();
    let last: i64 = hooks[3].header("x-webhook-timestamp").parse().unwrap();
    assert!(last > first, "each attempt has the time of its own");
    assert_eq!(database.statuses("crm").await, "failed 1");
    let rows = database
        .query(
            "select attempt, status_code, error_class, response_body, url, delivery_id::text, \
                    event_id, request_headers ->> 'X-Webhook-Signature', \
                    request_headers ->> 'X-Webhook-Timestamp' \
             from walhook.webhook_attempt order by attempt",
            &[],
        )
        .await;
    assert_eq!(rows.len(), 4);
    for (row, hook) in rows.iter().zip(&hooks) {
        assert_eq!(row.get::<_, i32>(0) as u32, hook.attempt());
        assert_eq!((row.get(1), row.get(2), row.get(3)), (500, "http_status", "broken"));
        assert_eq!((row.get::<_, &str>(5), row.get(6)), (hook.delivery_id(), hook.event_id()));
        assert_eq!(row.get::<_, &str>(7), hook.header("x-webhook-signature"));
        assert_eq!(row.get::<_, &str>(8), hook.header("x-webhook-timestamp"));
    }
}

fn assert_is_signed(hook: &Hook, secret: &str) {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let mac = |key: &[u8], parts: &[&[u8]]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let timestamp = hook.header("x-webhook-timestamp");
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - timestamp.parse::<u64>().unwrap() < 60);
    let hex: String = mac(secret.as_bytes(), &[timestamp.as_bytes(), b".", hook.body()])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hook.header("x-webhook-signature"), format!("sha256={hex}"));
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, timestamp) = (hook.header("webhook-id"), hook.header("webhook-timestamp"));
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", hook.body()];
    let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac(&key, &signed)));
    assert_eq!(hook.header("webhook-signature"), wanted);
}

#[tokio::test]
async fn without_a_schedule_or_for_a_status_that_is_not_retried_one_attempt_is_all() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        "/drop" => Reply::Drop,
        _ => Reply::Status(500),
    })
    .await;
    let picky = "retry = { schedule = [\"100ms\"], jitter = 0.0, retry_on_status = [503] }";
    let config = endpoint("empty", &hooks.url("/empty"), ONCE)
        + &endpoint("picky", &hooks.url("/picky"), picky)
        + &endpoint("drop", &hooks.url("/drop"), picky);
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    settled(&database, 3).await;
    daemon.stop().await;
    assert_eq!((hooks.at("/empty").len(), hooks.at("/picky").len()), (1, 1));
    assert_eq!(hooks.at("/drop").len(), 2, "a failure of the network is always retried");
    for name in ["empty", "picky", "drop"] {
        assert_eq!(database.statuses(name).await, "failed 1", "{name}");
    }
}

#[tokio::test]
async fn each_failure_of_the_network_has_its_class_and_a_sentence() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        "/timeout" => Reply::Silence,
        "/reset" => Reply::Drop,
        _ => Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
    })
    .await;
    let rude = Receiver::start(async |mut peer| {
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer.close().await;
    })
    .await;
    let cases = [
        ("connect", "http://127.0.0.1:9/".to_owned()),
        ("timeout", hooks.url("/timeout")),
        ("reset", hooks.url("/reset")),
        ("protocol", hooks.url("/protocol")),
        ("tls", rude.url("/").replace("http:", "https:")),
        ("dns", "http://walhook-test.invalid/".to_owned()),
        ("blocked_address", "http://169.254.169.254/".to_owned()),
        // The same address in disguise.
        ("blocked_address", "http://[::ffff:169.254.169.254]/".to_owned()),
    ];
    let config: String = cases
        .iter()
        .enumerate()
        .map(|(i, (class, url))| {
            let timeout = if *class == "timeout" { "300ms" } else { "10s" };
            endpoint(&format!("{class}{i}"), url, &format!("{ONCE}\ntimeout = {timeout:?}"))
        })
        .collect();
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    settled(&database, cases.len() as i64).await;
    daemon.stop().await;
    for (i, (class, _)) in cases.iter().enumerate() {
        let row = database
            .query(
                "select error_class, error_message, status_code from walhook.webhook_attempt \
                 where endpoint_name = $1",
                &[&format!("{class}{i}")],
            )
            .await
            .remove(0);
        let (found, message): (&str, &str) = (row.get(0), row.get(1));
        println!("{found}: {message}");
        assert_eq!(&found, class, "{message}");
        assert!(!message.is_empty() && row.get::<_, Option<i32>>(2).is_none());
    }
}

#[tokio::test]
async fn a_410_disables_the_endpoint_and_holds_everything_until_an_operator_takes_it_back() {
    let database = items().await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match hook.number("id") {
            2.. if !latch.is_open() => Reply::Status(410),
            _ => Reply::Status(200),
        }
    })
    .await;
    let site = Site::new(
        &database,
        &["public.items"],
        &endpoint("crm", &hooks.url("/"), "ordering = \"endpoint\""),
    );
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x'); insert into items values (2, 'x')").await;
    database.becomes_true("select state = 'disabled' from walhook.endpoint").await;
    database.execute("insert into items select g, 'x' from generate_series(3, 10) as g").await;
    database
        .becomes_true("select count(*) = 9 from walhook.webhook_log where status = 'held'")
        .await;
    let reason: String =
        database.query_one("select disabled_reason from walhook.endpoint", &[]).await;
    assert_eq!(reason, "gone");
    let alerts: i64 = database
        .query_one("select count(*) from walhook.alert where kind = 'endpoint_disabled'", &[])
        .await;
    assert_eq!(alerts, 1);
    assert_eq!(ids(&hooks.all()), [1, 2]);
    // Also after a restart.
    daemon.stop().await;
    let daemon = site.run().await;
    database.execute("insert into items values (11, 'x')").await;
    database
        .becomes_true("select count(*) = 10 from walhook.webhook_log where status = 'held'")
        .await;
    assert_eq!(ids(&hooks.all()), [1, 2]);
    latch.open();
    database.execute("update walhook.endpoint set state = 'active', disabled_reason = null").await;
    let received = hooks.arrived(12).await;
    assert_eq!(ids(&received), [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    settled(&database, 11).await;
    assert_eq!(database.statuses("crm").await, "success 11");
    daemon.stop().await;
}

#[tokio::test]
async fn retry_after_says_when_and_costs_no_attempt() {
    let database = items().await;
    let hooks = Hooks::start(|hook| {
        let date = |seconds| {
            let at = SystemTime::now() + Duration::from_secs(seconds);
            httpdate::fmt_http_date(at)
        };
        let after = match hook.path() {
            _ if hook.attempt() > 2 => return Reply::Status(200),
            "/date" => date(2),
            "/past" => "Sun, 06 Nov 1994 08:49:37 GMT".to_owned(),
            path => path.rsplit('/').next().unwrap().to_owned(),
        };
        let status = if hook.path().starts_with("/503") { "503 X" } else { "429 X" };
        match after.as_str() {
            "none" => Reply::with(status, &[]),
            after => Reply::with(status, &[&format!("Retry-After: {after}")]),
        }
    })
    .await;
    // Path, shortest and longest wait in milliseconds.
    let cases = [
        ("/429/1", 1000, 1000),
        ("/503/1", 1000, 1000),
        ("/429/0.1", 1000, 1000),
        ("/429/0", 0, 0),
        ("/date", 1000, 2000),
        ("/past", 0, 0),
        ("/429/invalid", 50, 50),
        ("/429/none", 50, 50),
    ];
    let config: String = cases
        .iter()
        .enumerate()
        .map(|(i, (path, ..))| {
            let rest = format!("{ONCE}\nfailure_rest = [\"50ms\"]");
            endpoint(&format!("e{i}"), &hooks.url(path), &rest)
        })
        .collect();
    let failing = Hooks::start(|_| Reply::Status(503)).await;
    let config = config + &endpoint("plain", &failing.url("/"), ONCE);
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    settled(&database, cases.len() as i64 + 1).await;
    daemon.stop().await;
    for (i, (path, least, most)) in cases.into_iter().enumerate() {
        let hooks = hooks.at(path);
        assert_eq!(hooks.len(), 3, "{path}");
        assert_eq!(database.statuses(&format!("e{i}")).await, "success 1", "{path}");
        for gap in gaps(&hooks) {
            let (least, most) = (Duration::from_millis(least), Duration::from_millis(most) + SLACK);
            assert!(gap >= least && gap < most, "{path}: {gap:?}");
        }
    }
    assert_eq!(failing.len(), 1);
    assert_eq!(database.statuses("plain").await, "failed 1", "a 503 without Retry-After counts");
}

#[tokio::test]
async fn the_status_line_alone_decides_and_the_body_is_kept_cut_and_clean() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        // Promises more than comes.
        "/short" => Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_vec()),
        "/endless" => {
            let body = "é".repeat(100_000);
            Reply::Bytes(answer("200 OK", &[], &body))
        }
        "/binary" => {
            let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n".to_vec();
            bytes.extend(b"a\0b\xffc\n");
            Reply::Bytes(bytes)
        }
        _ => Reply::with("200 OK", &["Set-Cookie: sid=canary-cookie", "X-Odd: caf\u{e9}"]),
    })
    .await;
    let paths = ["short", "endless", "binary", "headers"];
    let config: String = paths
        .iter()
        .map(|path| {
            let rest = format!("{ONCE}\ntimeout = \"2s\"");
            endpoint(path, &hooks.url(&format!("/{path}")), &rest)
        })
        .collect();
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    settled(&database, 4).await;
    daemon.stop().await;
    let body = async |name: &str| -> String {
        assert_eq!(database.statuses(name).await, "success 1", "{name}");
        let sql = "select response_body from walhook.webhook_attempt where endpoint_name = $1";
        database.query_one(sql, &[&name]).await
    };
    assert_eq!(body("short").await, "short");
    assert_eq!(body("endless").await, "é".repeat(5120), "10 KiB");
    let binary = body("binary").await;
    assert!(
        binary.starts_with('a') && binary.contains('b') && binary.contains('\u{fffd}'),
        "{binary:?}"
    );
    body("headers").await;
    let headers: String = database
        .query_one(
            "select response_headers::text from walhook.webhook_attempt where endpoint_name = 'headers'",
            &[],
        )
        .await;
    assert!(!headers.contains("canary-cookie") && headers.to_lowercase().contains("set-cookie"));
}

#[tokio::test]
async fn failures_in_a_row_alert_at_each_threshold_disable_once_and_recover_once() {
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        "/sick" if hook.number("id") == 1 && hook.attempt() <= 5 => Reply::Status(500),
        "/sick" => Reply::Status(200),
        // One success between, ever and again.
        "/moody" if hook.number("id") % 2 == 0 => Reply::Status(200),
        _ => Reply::Status(500),
    })
    .await;
    let retry = "alert_after = [3, 5]\nretry = { schedule = [\"20ms\", \"20ms\", \"20ms\", \
                 \"20ms\", \"20ms\", \"20ms\"], jitter = 0.0 }";
    let disabling = "alert_after = [2]\ndisable_after = 4\ndisable_min_duration = \"0s\"\n\
                     retry = { schedule = [\"20ms\", \"20ms\"], jitter = 0.0 }";
    let moody = "disable_after = 4\ndisable_min_duration = \"0s\"\nalert_after = [2]\n\
                 ordering = \"endpoint\"\nretry = { schedule = [] }";
    let config = endpoint("sick", &hooks.url("/sick"), retry)
        + &endpoint("dead", &hooks.url("/dead"), disabling)
        + &endpoint("moody", &hooks.url("/moody"), moody);
    let site = Site::new(&database, &["public.items"], &config);
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived_at("/sick", 6).await;
    for id in 2..=12 {
        database.execute(&format!("insert into items values ({id}, 'x')")).await;
    }
    hooks.arrived_at("/moody", 12).await;
    database
        .becomes_true("select state = 'disabled' from walhook.endpoint where name = 'dead'")
        .await;
    database.becomes_true("select count(*) = 6 from walhook.webhook_log where endpoint_name = 'moody' and status = 'success'").await;
    daemon.stop().await;
    let alerts = async |name: &str| -> String {
        let sql = "select coalesce(string_agg(kind || coalesce(' ' || count, ''), ', ' order by id), '') \
                   from walhook.alert where endpoint_name = $1";
        database.query_one(sql, &[&name]).await
    };
    assert_eq!(
        alerts("sick").await,
        "consecutive_failures 3, consecutive_failures 5, endpoint_recovered 5"
    );
    assert_eq!(alerts("dead").await, "consecutive_failures 2, endpoint_disabled 4");
    assert_eq!(alerts("moody").await, "", "one success between resets the count");
    assert_eq!(hooks.at("/dead").len(), 4, "nothing is sent to a disabled endpoint");
}

#[tokio::test]
async fn a_rate_limit_spreads_attempts_and_costs_none() {
    let database = items().await;
    let hooks = Hooks::ok().await;
    let rest = format!("{ONCE}\nrate_limit_per_second = 20");
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), &rest));
    let daemon = site.up().await;
    let began = Instant::now();
    database.execute("insert into items select g, 'x' from generate_series(1, 30) as g").await;
    hooks.arrived(30).await;
    assert!(began.elapsed() > Duration::from_millis(1200), "{:?}", began.elapsed());
    settled(&database, 30).await;
    assert_eq!(database.statuses("crm").await, "success 30");
    daemon.stop().await;
}
