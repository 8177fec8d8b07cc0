//! The throwaway cluster that the demo and all other tests stand on.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::pg::{Connected, Pg};
use walhook::demo::cluster::{Cluster, ClusterError, ClusterOptions};

#[tokio::test]
async fn every_database_is_new_and_empty() {
    let pg = Pg::shared();
    let (one, other) = (pg.database().await, pg.database().await);
    one.execute("create table t (id int)").await;
    assert_ne!(one.name, other.name);
    let tables: i64 =
        other.query_one("select count(*) from pg_tables where schemaname = 'public'", &[]).await;
    assert_eq!(tables, 0);
    assert_eq!(other.query_one::<String>("show wal_level", &[]).await, "logical");
}

#[tokio::test]
async fn what_was_committed_survives_a_crash_and_the_port_stays() {
    let pg = Pg::start();
    let database = pg.database().await;
    database.execute("create table t (id int); insert into t values (1)").await;
    let before = pg.url(&database.name);
    pg.cluster().stop_immediate();
    assert!(pg.cluster().postmaster_pid().is_none());
    pg.cluster().restart().unwrap();
    assert_eq!(pg.url(&database.name), before);
    let again = database.connect().await;
    let row = again.client.query_one("select id from t", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 1);
}

#[tokio::test]
async fn a_password_is_asked_for_over_tcp_only() {
    let password = Some("p@ss/word".to_owned());
    let cluster = Cluster::start(ClusterOptions { password, ..Default::default() }).unwrap();
    Connected::open(&cluster.url("postgres")).await;
    let without = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port());
    assert!(tokio_postgres::connect(&without, tokio_postgres::NoTls).await.is_err());
    let socket = cluster.socket_dir().display();
    Connected::open(&format!("host={socket} port={} user=postgres", cluster.port())).await;
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let settings = vec![("shared_buffers".to_owned(), "1 parsec".to_owned())];
    let failed = Cluster::start(ClusterOptions { settings, ..Default::default() }).unwrap_err();
    let ClusterError::NotStarted { log, tail } = failed else { panic!("{failed}") };
    assert!(tail.contains("shared_buffers"), "{tail}");
    assert!(std::fs::read_to_string(&log).unwrap().contains("shared_buffers"));
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[test]
fn nothing_is_left_of_a_dropped_cluster() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let home = cluster.socket_dir().to_owned();
    assert!(home.join("postgres.log").is_file());
    assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    drop(cluster);
    assert!(!home.exists());
}

/// Set in the process that is to be killed.
const HOLD: &str = "WALHOOK_TEST_HOLD_CLUSTER";

#[tokio::test]
async fn a_killed_process_leaves_no_server_behind() {
    if std::env::var_os(HOLD).is_some() {
        let cluster = Cluster::start(ClusterOptions::default()).unwrap();
        println!("\n{}", cluster.url("postgres"));
        std::future::pending::<()>().await;
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_leaves_no_server_behind", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = lines.find_map(|line| line.ok().filter(|line| line.starts_with("postgres://")));
    let (client, connection) =
        tokio_postgres::connect(&url.unwrap(), tokio_postgres::NoTls).await.unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), connection).await;
    assert!(ended.is_ok(), "the server goes on");
    drop(client);
}
