//! The replication session against a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::pg::{Database, Pg};
use tokio::time::timeout;
use walhook::config::dsn::Dsn;
use walhook::lsn::Lsn;
use walhook::replication::{Frame, ReplicationError, Session, Stream};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

fn dsn(url: &str) -> Dsn {
    Dsn::parse_in(url, &|_| None).unwrap()
}

/// A database with a table, a publication and a slot, both named like the database.
async fn source(pg: &Pg) -> Database {
    let database = pg.database().await;
    let name = &database.name;
    database
        .execute(&format!(
            "create table t (id int primary key, v text); create publication {name} for table t"
        ))
        .await;
    make_slot(&database, name).await;
    database
}

async fn make_slot(database: &Database, slot: &str) {
    let make = "select pg_create_logical_replication_slot($1::text, 'pgoutput')::text";
    database.query(make, &[&slot]).await;
}

async fn start(database: &Database) -> Stream {
    let session = Session::connect(&dsn(&database.url)).await.unwrap();
    session.start(&database.name, &database.name, Lsn(0)).await.unwrap()
}

async fn next(stream: &mut Stream) -> Frame {
    timeout(LIMIT, stream.next()).await.expect("a frame in time").unwrap()
}

/// Payloads up to and including the next commit, and the position after it.
async fn transaction(stream: &mut Stream) -> (Vec<Bytes>, Lsn) {
    let mut payloads = Vec::new();
    loop {
        if let Frame::Data { payload, .. } = next(stream).await {
            payloads.push(payload.clone());
            if payload[0] == b'C' {
                let end = payload[10..18].try_into().unwrap();
                return (payloads, Lsn(u64::from_be_bytes(end)));
            }
        }
    }
}

fn kinds(payloads: &[Bytes]) -> String {
    payloads.iter().map(|payload| char::from(payload[0])).collect()
}

fn contains(payloads: &[Bytes], text: &str) -> bool {
    payloads.iter().any(|p| p.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn committed_rows_arrive_and_rolled_back_ones_do_not() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    database.execute("begin; insert into t values (1, 'never'); rollback").await;
    database.execute("insert into t values (1, 'one'), (2, 'two')").await;
    let (payloads, _) = transaction(&mut stream).await;
    assert_eq!(kinds(&payloads), "BRIIC");
    assert!(contains(&payloads, "two") && !contains(&payloads, "never"));
}

#[tokio::test]
async fn logical_messages_arrive_inside_their_transaction() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    let emit = "begin; select pg_logical_emit_message(true, 'walhook.user', 'ann');
        insert into t values (1); commit";
    database.execute(emit).await;
    assert_eq!(kinds(&transaction(&mut stream).await.0), "BMRIC");
}

#[tokio::test]
async fn text_forms_do_not_depend_on_the_database_settings() {
    let database = source(Pg::shared()).await;
    database
        .execute(&format!(
            "alter table t add at timestamptz, add span interval, add raw bytea, add f float8;
             alter database {} set datestyle = 'German'; alter database {0} set timezone = 'Asia/Tokyo';
             alter database {0} set intervalstyle = 'sql_standard';
             alter database {0} set bytea_output = 'escape';
             alter database {0} set extra_float_digits = -15",
            database.name
        ))
        .await;
    let mut stream = start(&database).await;
    database
        .execute(
            "insert into t values (1, '', '2026-01-16 12:30:00+00', '1 day', '\\x0061', 0.1::float8)",
        )
        .await;
    let (payloads, _) = transaction(&mut stream).await;
    for text in ["2026-01-16 12:30:00+00", "P1D", "\\x0061", "0.1"] {
        assert!(contains(&payloads, text), "{text}");
    }
}

#[tokio::test]
async fn the_system_is_the_one_that_sql_names() {
    let database = source(Pg::shared()).await;
    let mut session = Session::connect(&dsn(&database.url)).await.unwrap();
    let system = session.identify_system().await.unwrap();
    let query = "select system_identifier::text from pg_control_system()";
    assert_eq!(
        system.system_identifier.to_string(),
        database.query_one::<String>(query, &[]).await
    );
    assert_eq!(system.timeline, 1);
    assert!(system.wal_position > Lsn(0));
    let version: String = database.query_one("show server_version", &[]).await;
    assert_eq!(system.server_version, version);
    // And again: the session is still in step.
    assert_eq!(session.identify_system().await.unwrap().timeline, 1);
}

#[tokio::test]
async fn what_has_arrived_can_be_taken_without_waiting() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    database.execute("insert into t select g from generate_series(1, 100) g").await;
    let mut rows = 0;
    while rows < 100 {
        let mut frame = Some(next(&mut stream).await);
        while let Some(taken) = frame {
            let Frame::Data { payload, .. } = taken else { break };
            rows += usize::from(payload[0] == b'I');
            frame = stream.next_buffered().unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_session_learns_who_holds_the_slot() {
    let database = source(Pg::shared()).await;
    let _holder = start(&database).await;
    let second = Session::connect(&dsn(&database.url)).await.unwrap();
    let refused = second.start(&database.name, &database.name, Lsn(0)).await.unwrap_err();
    let ReplicationError::SlotActive { slot, message } = refused else { panic!("{refused}") };
    let query = "select active_pid::text from pg_replication_slots where slot_name = $1";
    let pid: String = database.query_one(query, &[&database.name]).await;
    assert_eq!(slot, database.name);
    assert!(message.contains(&pid), "{message}");
}

#[tokio::test]
async fn a_missing_slot_and_a_missing_publication_are_told_apart() {
    let database = source(Pg::shared()).await;
    let session = Session::connect(&dsn(&database.url)).await.unwrap();
    let refused = session.start("nowhere", &database.name, Lsn(0)).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::SlotMissing { slot } if slot == "nowhere"));

    let session = Session::connect(&dsn(&database.url)).await.unwrap();
    let mut stream = session.start(&database.name, "no\"where's", Lsn(0)).await.unwrap();
    database.execute("insert into t values (1)").await;
    let error = loop {
        match timeout(LIMIT, stream.next()).await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let ReplicationError::PublicationMissing { message } = error else { panic!("{error}") };
    assert!(message.contains("no\"where's"), "{message}");
}

#[tokio::test]
async fn a_stopped_stream_goes_on_after_what_was_confirmed() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    database.execute("insert into t values (1, 'first')").await;
    let (_, end) = transaction(&mut stream).await;
    stream.confirm(end);
    stream.confirm(Lsn(1));
    database.execute("insert into t values (2, 'second')").await;
    transaction(&mut stream).await;
    stream.stop().await.unwrap();

    let query = "select active::text || ' ' || confirmed_flush_lsn from pg_replication_slots
        where slot_name = $1";
    let slot: String = database.query_one(query, &[&database.name]).await;
    assert_eq!(slot, format!("false {end}"), "stop returns when the slot is free");

    let mut again = start(&database).await;
    let (payloads, _) = transaction(&mut again).await;
    assert!(contains(&payloads, "second") && !contains(&payloads, "first"));
}

#[tokio::test]
async fn feedback_reaches_the_slot_without_a_stop() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    database.execute("insert into t values (1)").await;
    let (_, end) = transaction(&mut stream).await;
    stream.confirm(end);
    stream.feedback().await.unwrap();
    // The server reads it before the request that stop sends, and only stop waits for an answer.
    stream.stop().await.unwrap();
    let query = "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1";
    assert_eq!(database.query_one::<String>(query, &[&database.name]).await, end.to_string());
}

#[tokio::test]
async fn a_dropped_future_loses_nothing() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    let insert = "insert into t select g, repeat('x', g % 3000) from generate_series(1, 2000) g";
    database.execute(insert).await;
    let (mut rows, mut dropped) = (0, 0);
    while rows < 2000 {
        // One poll of each in turn: whatever is not ready at once is dropped.
        tokio::select! {
            biased;
            frame = stream.next() => {
                let Frame::Data { payload, .. } = frame.unwrap() else { continue };
                if payload[0] == b'I' {
                    rows += 1;
                    let id = rows.to_string();
                    assert!(payload[5..].starts_with(b"N\0\x02t") && contains(&[payload], &id));
                }
                continue;
            }
            () = std::future::ready(()) => dropped += 1,
        }
        tokio::select! {
            biased;
            error = stream.idle() => panic!("{error}"),
            () = tokio::task::yield_now() => {}
        }
        tokio::select! {
            biased;
            () = std::future::ready(()) => {}
            sent = stream.feedback() => sent.unwrap(),
        }
        tokio::select! {
            biased;
            sent = stream.feedback() => sent.unwrap(),
            () = std::future::ready(()) => {}
        }
    }
    assert!(dropped > 0, "the test has tested something");
    stream.stop().await.unwrap();
}

#[tokio::test]
async fn an_impatient_server_is_kept_content() {
    let database = source(Pg::shared()).await;
    let mut url = database.url.clone();
    url.push_str("?options=-c%20wal_sender_timeout%3D2s");
    let session = Session::connect(&dsn(&url)).await.unwrap();
    let mut stream = session.start(&database.name, &database.name, Lsn(0)).await.unwrap();
    // Longer than the timeout, waiting for frames and then not wanting any.
    let waiting = async { while stream.next().await.is_ok() {} };
    assert!(timeout(Duration::from_millis(2800), waiting).await.is_err(), "still streaming");
    assert!(timeout(Duration::from_millis(2800), stream.idle()).await.is_err(), "still alive");
    database.execute("insert into t values (1)").await;
    transaction(&mut stream).await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_stays_alive_and_then_delivers_all() {
    let database = source(Pg::shared()).await;
    let mut url = database.url.clone();
    url.push_str("?options=-c%20wal_sender_timeout%3D2s");
    let session = Session::connect(&dsn(&url)).await.unwrap();
    let mut stream = session.start(&database.name, &database.name, Lsn(0)).await.unwrap();
    let insert = "insert into t select g, repeat('x', 1000) from generate_series(1, 20000) g";
    database.execute(insert).await;
    assert!(timeout(Duration::from_millis(3500), stream.idle()).await.is_err(), "still alive");
    let (payloads, _) = transaction(&mut stream).await;
    assert_eq!(payloads.len(), 20000 + 3);
}

#[tokio::test]
async fn a_row_of_many_megabytes_arrives_whole() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    database.execute("insert into t values (1, repeat('0123456789', 3000000))").await;
    database.execute("insert into t values (2, 'small')").await;
    let (payloads, _) = transaction(&mut stream).await;
    assert!(payloads[2].len() > 30_000_000);
    assert!(contains(&transaction(&mut stream).await.0, "small"));
}

#[tokio::test]
async fn keepalives_tell_how_far_the_server_has_read_past_what_nobody_wants() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    database.execute("create table unwanted as select g from generate_series(1, 1000) g").await;
    let query = "select pg_current_wal_lsn()::text";
    let written: Lsn = database.query_one::<String>(query, &[]).await.parse().unwrap();
    loop {
        match next(&mut stream).await {
            Frame::Keepalive { wal_end, .. } if wal_end >= written => break,
            Frame::Keepalive { .. } => {}
            Frame::Data { payload, .. } => panic!("{payload:?}"),
        }
    }
}

#[tokio::test]
async fn a_terminated_walsender_is_a_disconnection() {
    let database = source(Pg::shared()).await;
    let mut stream = start(&database).await;
    let kill = "select pg_terminate_backend(active_pid) from pg_replication_slots
        where slot_name = $1";
    database.query(kill, &[&database.name]).await;
    let error = timeout(LIMIT, async {
        loop {
            if let Err(error) = stream.next().await {
                return error;
            }
        }
    });
    let error = error.await.unwrap();
    assert!(matches!(error, ReplicationError::Disconnected { .. }), "{error}");
}

#[tokio::test]
async fn an_idle_stream_notices_that_the_server_is_gone() {
    let pg = Pg::start();
    let database = source(&pg).await;
    let mut stream = start(&database).await;
    let idle = tokio::spawn(async move { stream.idle().await });
    pg.cluster().stop_immediate();
    let error = timeout(LIMIT, idle).await.unwrap().unwrap();
    assert!(matches!(error, ReplicationError::Disconnected { .. }), "{error}");
    let refused = Session::connect(&dsn(&database.url)).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::Connect { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shuts_down_is_not_held_up_by_what_is_not_confirmed() {
    let pg = Pg::start();
    let database = source(&pg).await;
    let mut stream = start(&database).await;
    database.execute("insert into t values (1)").await;
    transaction(&mut stream).await;
    let reading = tokio::spawn(async move {
        loop {
            if let Err(error) = stream.next().await {
                return error;
            }
        }
    });
    pg.cluster().stop();
    let error = timeout(LIMIT, reading).await.unwrap().unwrap();
    assert!(matches!(error, ReplicationError::Disconnected { .. }), "{error}");
    let log = std::fs::read_to_string(pg.cluster().log_file()).unwrap();
    assert!(!log.contains("immediate shutdown"), "{log}");
}

#[tokio::test]
async fn a_slot_that_was_invalidated_is_lost() {
    let pg = Pg::start_with(&[("max_slot_wal_keep_size", "1MB")]);
    let database = source(&pg).await;
    for _ in 0..4 {
        database.execute("insert into t select g from generate_series(1, 1) g").await;
        database.execute("truncate t; select pg_switch_wal(); checkpoint").await;
    }
    let session = Session::connect(&dsn(&database.url)).await.unwrap();
    let refused = session.start(&database.name, &database.name, Lsn(0)).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::SlotLost { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_slot_of_another_database_is_not_taken_for_a_lost_one() {
    let database = source(Pg::shared()).await;
    let other = Pg::shared().database().await;
    let session = Session::connect(&dsn(&other.url)).await.unwrap();
    let refused = session.start(&database.name, &database.name, Lsn(0)).await.unwrap_err();
    let ReplicationError::Server { code, message } = refused else { panic!("{refused}") };
    assert_eq!(code, "55000");
    assert!(message.contains("not created in this database"), "{message}");
}

#[tokio::test]
async fn what_the_server_lacks_is_named() {
    let pg = Pg::start_with(&[("wal_level", "replica"), ("max_wal_senders", "1")]);
    let url = pg.url("postgres");
    let session = Session::connect(&dsn(&url)).await.unwrap();
    let refused = Session::connect(&dsn(&url)).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::NoFreeSender { .. }), "{refused:?}");
    let refused = session.start("walhook", "walhook", Lsn(0)).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::WalLevel { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_role_without_the_right_is_told_so() {
    let database = Pg::shared().database().await;
    let role = format!("{}_plain", database.name);
    database.execute(&format!("create role {role} login")).await;
    let url = database.url.replace("postgres@", &format!("{role}@"));
    let refused = Session::connect(&dsn(&url)).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::NoPrivilege { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_no_disconnection() {
    let refused = Session::connect(&dsn(&Pg::shared().url("nowhere"))).await.unwrap_err();
    assert!(matches!(&refused, ReplicationError::Server { code, .. } if code == "3D000"));
}

#[tokio::test]
async fn hosts_are_tried_in_order_and_sockets_work() {
    let port = Pg::shared().cluster().port();
    let socket = Pg::shared().cluster().socket_dir().to_owned();
    let socket = socket.display();
    for hosts in [
        format!("host={socket} port={port}"),
        format!("host=/nonexistent,{socket} port={port}"),
        format!("host=127.0.0.1,127.0.0.1 port=1,{port}"),
        format!("host=no-such-name.invalid,localhost port={port}"),
        format!("host=db.example hostaddr=127.0.0.1 port={port} target_session_attrs=primary"),
    ] {
        let dsn = dsn(&format!("{hosts} user=postgres dbname=postgres"));
        Session::connect(&dsn).await.unwrap_or_else(|e| panic!("{hosts}: {e:?}"));
    }
}

#[tokio::test]
async fn a_read_only_server_is_passed_over_where_another_is_wanted() {
    let database = source(Pg::shared()).await;
    let read_only =
        format!("alter database {} set default_transaction_read_only = on", database.name);
    database.execute(&read_only).await;
    let url = |attrs: &str| format!("{}?target_session_attrs={attrs}", database.url);
    let refused = Session::connect(&dsn(&url("read-write"))).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::WrongServer { .. }), "{refused:?}");
    Session::connect(&dsn(&url("primary"))).await.unwrap();
}
