//! `walhook status` and `walhook tail` against a real log.

mod support;

use std::time::Duration;

use support::pg::{Database, Pg};
use tokio::sync::mpsc;
use walhook::admin::tail::{self, Following};
use walhook::admin::{init, status};
use walhook::config::dsn::Dsn;
use walhook::shutdown;
use walhook::store::schema::Installation;
use walhook::store::{Session, TailCursor};

/// A database with two endpoints that have no history.
async fn installed() -> (Database, Dsn) {
    let database = Pg::shared().database().await;
    let installation = Installation {
        slot: database.name.clone(),
        publication: "walhook".to_owned(),
        ..Installation::default()
    };
    let dsn = Dsn::parse(&database.url).expect("a URL");
    init::install(&dsn, &installation, &mut |_| ()).await.expect("a session");
    database
        .execute(
            "insert into walhook.endpoint (id, name, url) values
             ('00000000-0000-0000-0000-00000000000a', 'crm', 'https://crm.example.com/'),
             ('00000000-0000-0000-0000-00000000000b', 'erp', 'https://erp.example.com/')",
        )
        .await;
    (database, dsn)
}

/// SQL that logs attempt `number` to the endpoint that ends in `endpoint`, begun `ago` seconds
/// ago, as a flush of the ledger does.
fn attempt(endpoint: char, number: u32, ago: u32, outcome: &str) -> String {
    let error = if outcome == "success" { "null, null" } else { "'timeout', 'no answer'" };
    format!(
        "insert into walhook.attempt
             (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
              committed_at, started_at, duration_us, error_class, error_message)
         select gen_random_uuid(), {number}, '00000000-0000-0000-0000-00000000000{endpoint}', '0/1',
                0, 'evt_{number}', 'order.created', '{outcome}', now(), now() - interval '{ago} s',
                1500, {error};
         insert into walhook.checkpoint
             (slot, flush, system_identifier, timeline, commit_lsn, ordinal, confirmed_lsn, replay_floor)
         select slot, max(flush) + 1, '1', 1, '0/1', 0, '0/1', gen_random_uuid()
         from   walhook.checkpoint group by slot;"
    )
}

async fn shown(session: &Session, slot: &str, cursor: &mut TailCursor) -> Vec<i32> {
    let now = session.tail_cursor(slot).await.expect("a cursor");
    let rows = session.logged_between(cursor, &now, None).await.expect("rows");
    *cursor = now;
    rows.iter().map(|row| row.attempt).collect()
}

#[tokio::test]
async fn each_attempt_is_shown_once_even_if_an_older_one_is_logged_later() {
    let (database, dsn) = installed().await;
    database.execute(&attempt('a', 1, 1, "success")).await;
    let session = Session::connect(&dsn).await.expect("a session");
    let mut cursor = session.tail_cursor(&database.name).await.expect("a cursor");
    let slow = database.connect().await;
    let begun = format!("begin; {}", attempt('a', 2, 30, "failed").split_once(';').expect("two").0);
    slow.client.batch_execute(&begun).await.expect("a row");
    database.execute(&attempt('b', 3, 0, "success")).await;
    assert_eq!(shown(&session, &database.name, &mut cursor).await, [3]);
    slow.client.batch_execute("commit").await.expect("a commit");
    database.execute(&attempt('a', 4, 0, "success")).await;
    assert_eq!(shown(&session, &database.name, &mut cursor).await, [2, 4]);
    assert!(shown(&session, &database.name, &mut cursor).await.is_empty());
}

#[tokio::test]
async fn tail_follows_what_it_was_asked_for_until_told_to_stop() {
    let (database, dsn) = installed().await;
    let (sink, mut attempts) = mpsc::unbounded_channel();
    let following = Following {
        dsn,
        slot: database.name.clone(),
        endpoint: Some("crm".to_owned()),
        event_type: Some("order.*".to_owned()),
    };
    let (trigger, shutdown) = shutdown::channel();
    let following = tokio::spawn(async move {
        let mut show = |attempt: &walhook::store::LoggedAttempt| sink.send(attempt.clone()).is_ok();
        tail::follow(&following, shutdown, &mut show).await
    });
    // It shows what is logged after its first look, whenever that is.
    let first = loop {
        database.execute(&attempt('b', 1, 0, "success")).await;
        database.execute(&attempt('a', 2, 0, "failed")).await;
        if let Ok(attempt) = tokio::time::timeout(Duration::from_millis(500), attempts.recv()).await
        {
            break attempt.expect("it goes on");
        }
    };
    assert_eq!((first.endpoint_name.as_str(), first.status.as_str()), ("crm", "failed"));
    assert_eq!(first.error_message.as_deref(), Some("no answer"));
    trigger.stop();
    following.await.expect("no panic").expect("no error");
}

#[tokio::test]
async fn status_tells_lag_backlog_and_the_last_error() {
    let (database, dsn) = installed().await;
    for outcome in ["success", "retrying"] {
        database.execute(&attempt('a', 1, 3, outcome)).await;
    }
    database
        .execute(
            "update walhook.endpoint
             set consecutive_failures = 3, failing_since = now() where name = 'crm';
             update walhook.endpoint set state = 'paused' where name = 'erp';
             insert into walhook.pending (delivery_id, endpoint_id, commit_lsn, ordinal, event_id,
                 event_type, committed_at, key_hash, former_key_hash, shape, bytes, state, next_at)
             select gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || e)::uuid, '0/1', 0,
                 'evt', 'order.created', now(), 0, 0, 0, 0, s, case when s = 'retry' then now() end
             from (values ('a', 'ready'), ('a', 'retry'), ('b', 'ready')) as v (e, s);
             insert into walhook.alert (severity, kind, message) values ('warning', 'x', 'look')",
        )
        .await;
    let found = status::status(&dsn, &database.name).await.expect("a status");
    let json = serde_json::to_value(&found).expect("json");
    assert_eq!(json["replication"]["slot"], database.name);
    assert_eq!(json["replication"]["active"], false);
    assert!(json["replication"]["lag_bytes"].as_i64().is_some_and(|bytes| bytes >= 0));
    let [crm, erp] = &found.endpoints[..] else { panic!("{found:#?}") };
    assert_eq!((crm.ready, crm.retrying, crm.held, crm.pending), (1, 1, 0, 2));
    assert_eq!((erp.held, erp.state.as_str()), (1, "paused"));
    assert_eq!(crm.last_error.as_deref(), Some("timeout: no answer"));
    assert!(crm.last_success_at.is_some() && erp.last_success_at.is_none());
    let table = found.table();
    for part in
        ["nobody streams from it", "1 open", "crm", "failing", "paused", "3 failed in a row"]
    {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
}

#[tokio::test]
async fn status_of_a_database_without_walhook_says_so() {
    let database = Pg::shared().database().await;
    let dsn = Dsn::parse(&database.url).expect("a URL");
    let error = status::status(&dsn, "walhook").await.expect_err("nothing is installed");
    assert!(error.is_missing_schema(), "{error:?}");
}
