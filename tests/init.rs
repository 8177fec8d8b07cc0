//! `walhook init` against a real server.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use support::pg::{Database, Pg};
use walhook::admin::init;
use walhook::config::dsn::Dsn;
use walhook::demo::cluster::Binaries;
use walhook::store::schema::{Applied, CapturedTable, Installation, Line, MIGRATIONS, Mark};

fn installation(database: &Database, tables: &[&str]) -> Installation {
    let table = |name: &&str| CapturedTable {
        schema: "public".to_owned(),
        name: (*name).to_owned(),
        old_values: true,
    };
    Installation {
        slot: database.name.clone(),
        publication: "walhook".to_owned(),
        tables: tables.iter().map(table).collect(),
        schemas: Vec::new(),
    }
}

async fn install(database: &Database, installation: &Installation) -> (Applied, Vec<Line>) {
    let dsn = Dsn::parse(&database.url).expect("a URL");
    let mut lines = Vec::new();
    let applied = init::install(&dsn, installation, &mut |line| lines.push(line)).await;
    (applied.expect("a session"), lines)
}

fn marks(lines: &[Line], mark: Mark) -> Vec<&str> {
    lines.iter().filter(|line| line.mark == mark).map(|line| line.subject.as_str()).collect()
}

#[tokio::test]
async fn everything_is_there_after_init_and_a_second_one_changes_little() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key); create table plain (x int)").await;
    let wanted = installation(&database, &["orders", "plain"]);
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied.left, 0, "{lines:#?}");
    let published: i64 = database
        .query_one("select count(*) from pg_publication_tables where pubname = 'walhook'", &[])
        .await;
    assert_eq!(published, 2);
    let slot: String = database
        .query_one(
            "select plugin::text from pg_replication_slots where slot_name = $1",
            &[&database.name],
        )
        .await;
    assert_eq!(slot, "pgoutput");
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied, Applied::default(), "{lines:#?}");
    assert_eq!(
        marks(&lines, Mark::Already),
        [
            "schema walhook",
            "functions and views",
            "roles walhook_admin, walhook_viewer",
            "log partitions",
            "publication walhook",
            "installation",
            "table public.orders",
            "table public.plain",
            &format!("slot {}", database.name),
            "checkpoint",
        ]
    );
}

async fn install_as(url: &str, installation: &Installation) -> (Applied, Vec<Line>) {
    let dsn = Dsn::parse(url).expect("a URL");
    let mut lines = Vec::new();
    let applied = init::install(&dsn, installation, &mut |line| lines.push(line)).await;
    (applied.expect("a session"), lines)
}

fn fix_of<'a>(lines: &'a [Line], subject: &str) -> &'a str {
    let left = lines.iter().find(|line| line.mark == Mark::Left && line.subject == subject);
    left.and_then(|line| line.fix.as_deref()).unwrap_or_else(|| panic!("{subject}: {lines:#?}"))
}

#[tokio::test]
async fn what_commits_after_init_is_still_to_come() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key)").await;
    let (_, lines) = install(&database, &installation(&database, &["orders"])).await;
    database.execute("insert into orders values (1)").await;
    let decoded: i64 = database
        .query_one(
            "select count(*) from pg_logical_slot_peek_binary_changes($1, null, null,
                 'proto_version', '1', 'publication_names', 'walhook')",
            &[&database.name],
        )
        .await;
    assert!(decoded >= 3, "begin, insert, commit: {decoded}; {lines:#?}");
    let is_ahead: bool = database
        .query_one(
            "select c.commit_lsn < s.confirmed_flush_lsn and c.confirmed_lsn = s.confirmed_flush_lsn
                    and c.system_identifier = (select system_identifier::text from pg_control_system())
             from walhook.checkpoint as c join pg_replication_slots as s on s.slot_name = c.slot",
            &[],
        )
        .await;
    assert!(is_ahead, "the watermark lies before the first commit that the slot gives");
}

#[tokio::test]
async fn inits_beside_each_other_end_with_one_installation() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key)").await;
    let wanted = installation(&database, &["orders"]);
    let (first, second, third) = tokio::join!(
        install(&database, &wanted),
        install(&database, &wanted),
        install(&database, &wanted)
    );
    assert_eq!([first.0.left, second.0.left, third.0.left], [0; 3]);
    let rows: i64 = database.query_one("select count(*) from walhook.checkpoint", &[]).await;
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn partitions_keep_old_values_and_are_published_as_their_root() {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create table parts (id int primary key) partition by range (id);
             create table half partition of parts for values from (0) to (10) partition by range (id);
             create table leaf partition of half for values from (0) to (5)",
        )
        .await;
    install(&database, &installation(&database, &["parts"])).await;
    let full: i64 = database
        .query_one(
            "select count(*) from pg_class where relname in ('parts', 'half', 'leaf') and relreplident = 'f'",
            &[],
        )
        .await;
    assert_eq!(full, 3);
    let published: String = database
        .query_one("select string_agg(tablename, ',') from pg_publication_tables", &[])
        .await;
    assert_eq!(published, "parts");
}

#[tokio::test]
async fn a_table_whose_updates_would_break_is_not_published() {
    let database = Pg::shared().database().await;
    database.execute("create table plain (x int); create view seen as select 1 as x").await;
    let mut wanted = installation(&database, &["plain", "seen", "missing"]);
    wanted.tables.iter_mut().for_each(|table| table.old_values = false);
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied.left, 3);
    let fix = fix_of(&lines, "table public.plain");
    assert!(fix.starts_with("alter table public.plain replica identity full;"), "{fix}");
    fix_of(&lines, "table public.seen");
    fix_of(&lines, "table public.missing");
    database.execute("insert into plain values (1); update plain set x = 2").await;
    assert!(marks(&lines, Mark::Done).contains(&"checkpoint"), "the rest is done all the same");
}

#[tokio::test]
async fn all_tables_of_a_schema_are_published_but_never_our_own() {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create schema billing; create table billing.a (id int primary key);
             create table billing.\"B c\" (id int primary key); create unlogged table billing.u (id int)",
        )
        .await;
    let mut wanted = installation(&database, &[]);
    wanted.schemas = vec!["billing".to_owned()];
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied.left, 0, "{lines:#?}");
    let published: String = database
        .query_one(
            "select string_agg(schemaname || '.' || tablename, ',' order by tablename collate \"C\")
             from pg_publication_tables",
            &[],
        )
        .await;
    assert_eq!(published, "billing.B c,billing.a");
}

#[tokio::test]
async fn a_view_of_another_shape_is_rebuilt_unless_somebody_stands_on_it() {
    let database = Pg::shared().database().await;
    let wanted = installation(&database, &[]);
    install(&database, &wanted).await;
    let reshape = "drop view walhook.webhook_log; create view walhook.webhook_log as select 1 as x";
    database.execute(reshape).await;
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied.left, 0, "{lines:#?}");
    database.execute("select id, status, next_retry_at from walhook.webhook_log").await;
    let readable: bool = database
        .query_one(
            "select has_table_privilege('walhook_viewer', 'walhook.webhook_log', 'select')",
            &[],
        )
        .await;
    assert!(readable);
    database.execute(reshape).await;
    database.execute("create view mine as select x from walhook.webhook_log").await;
    let (_, lines) = install(&database, &wanted).await;
    assert!(fix_of(&lines, "functions and views").contains("drop the views"), "{lines:#?}");
    database.execute("select x from mine").await;
}

#[tokio::test]
async fn a_copy_of_a_database_starts_anew_by_init_alone() {
    let database = Pg::shared().database().await;
    let wanted = installation(&database, &[]);
    install(&database, &wanted).await;
    database.execute("update walhook.checkpoint set system_identifier = '42'").await;
    let (_, lines) = install(&database, &wanted).await;
    let line = lines.iter().find(|line| line.subject == "checkpoint").expect("a line");
    assert!(line.text.contains("another cluster"), "{line:?}");
    let is_own: bool = database
        .query_one(
            "select system_identifier = (select system_identifier::text from pg_control_system())
             from walhook.checkpoint order by flush desc limit 1",
            &[],
        )
        .await;
    assert!(is_own);
    let (_, lines) = install(&database, &wanted).await;
    assert!(marks(&lines, Mark::Already).contains(&"checkpoint"), "once is enough: {lines:#?}");
}

#[tokio::test]
async fn a_slot_that_was_recreated_is_a_gap_with_an_alert() {
    let database = Pg::shared().database().await;
    let wanted = installation(&database, &[]);
    install(&database, &wanted).await;
    let slot = &database.name;
    database.execute(&format!("select pg_drop_replication_slot('{slot}')")).await;
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied.left, 0, "{lines:#?}");
    let alert: i64 = database
        .query_one(
            "select count(*) from walhook.alert where kind = 'gap' and details ? 'from_lsn' and details ? 'to_time'",
            &[],
        )
        .await;
    assert_eq!(alert, 1);
}

#[tokio::test]
async fn a_slot_older_than_its_publication_is_moved_past_what_it_cannot_read() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key)").await;
    let wanted = installation(&database, &["orders"]);
    install(&database, &wanted).await;
    database.execute("drop publication walhook").await;
    database.execute("insert into orders values (1)").await;
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!(applied.left, 0, "{lines:#?}");
    database.execute("insert into orders values (2)").await;
    let decoded: i64 = database
        .query_one(
            "select count(*) from pg_logical_slot_peek_binary_changes($1, null, null,
                 'proto_version', '1', 'publication_names', 'walhook')",
            &[&database.name],
        )
        .await;
    assert!(decoded >= 3, "{decoded}");
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let database = Pg::shared().database().await;
    let wanted = installation(&database, &[]);
    install(&database, &wanted).await;
    database.execute("insert into walhook.migration values (99)").await;
    let (applied, lines) = install(&database, &wanted).await;
    assert_eq!((applied.done, applied.left, lines.len()), (0, 1, 1));
}

#[tokio::test]
async fn the_printed_script_brings_psql_to_the_same_end() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key)").await;
    let wanted = installation(&database, &["orders"]);
    let dsn = Dsn::parse(&database.url).expect("a URL");
    let script = init::script(&dsn, &wanted).await.expect("a script");
    let rows: i64 = database
        .query_one("select count(*) from pg_namespace where nspname = 'walhook'", &[])
        .await;
    assert_eq!(rows, 0, "printing does nothing");
    let psql = Binaries::find().expect("PostgreSQL is installed").program("psql");
    // Some packages put it into another directory than the server's programs.
    let psql = if psql.is_file() { psql } else { "psql".into() };
    let mut psql = Command::new(psql)
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-q", "-o", "/dev/null", &database.url])
        .stdin(Stdio::piped())
        .spawn()
        .expect("psql starts");
    psql.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("psql reads");
    assert!(psql.wait().expect("psql ends").success());
    let (_, lines) = install(&database, &wanted).await;
    assert_eq!(marks(&lines, Mark::Already).len(), 9, "{lines:#?}");
}

#[tokio::test]
async fn without_a_database_the_script_is_that_of_a_fresh_one() {
    let dsn = Dsn::parse("postgres://nobody@127.0.0.1:1/nothing").expect("a URL");
    let table = CapturedTable {
        schema: "public".to_owned(),
        name: "Or\"ders".to_owned(),
        old_values: true,
    };
    let wanted = Installation {
        slot: "walhook".to_owned(),
        publication: "walhook".to_owned(),
        tables: vec![table],
        schemas: vec!["billing".to_owned()],
    };
    let script = init::script(&dsn, &wanted).await.expect("a script");
    for part in [
        "create schema walhook;",
        "create table walhook.attempt",
        "alter publication \"walhook\" add table only \"public\".\"Or\"\"ders\";",
        "each table of the schema billing",
        "select pg_create_logical_replication_slot('walhook', 'pgoutput');",
    ] {
        assert!(script.contains(part), "{part} is missing");
    }
}

#[tokio::test]
async fn what_the_role_may_not_do_is_left_with_the_sql_for_somebody_who_may() {
    let pg = Pg::start_with(&[("wal_level", "replica")]);
    let database = pg.database().await;
    database.execute("create table orders (id int primary key); create role clerk login").await;
    database.execute(&format!("grant create on database {} to clerk", database.name)).await;
    let url = database.url.replace("//postgres@", "//clerk@");
    let (_, lines) = install_as(&url, &installation(&database, &["orders"])).await;
    let fix = fix_of(&lines, "roles walhook_admin, walhook_viewer");
    assert!(fix.contains("create role %I nologin") && fix.contains("init again"), "{fix}");
    let fix = fix_of(&lines, "table public.orders");
    assert!(fix.contains("alter table public.orders replica identity full;"), "{fix}");
    let fix = fix_of(&lines, &format!("slot {}", database.name));
    assert!(fix.contains("wal_level = 'logical'"), "{fix}");
    let version: i32 = database.query_one("select max(version) from walhook.migration", &[]).await;
    assert_eq!(version, MIGRATIONS.len() as i32, "the rest is done");
}

/// Installs while somebody else has an open transaction, which ends once init says that it waits.
async fn install_beside(database: &Database, hold: &str, subject: &str) -> (Applied, Vec<Line>) {
    let holder = database.connect().await;
    holder.client.batch_execute(&format!("begin; {hold}")).await.expect("a transaction");
    let (waits, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let dsn = Dsn::parse(&database.url).expect("a URL");
    let wanted = installation(database, &["orders"]);
    let mut lines = Vec::new();
    let mut say = |line: Line| {
        if line.mark == Mark::Waiting && line.subject == subject {
            waits.send(()).expect("somebody listens");
        }
        lines.push(line);
    };
    let (applied, ()) = tokio::join!(init::install(&dsn, &wanted, &mut say), async {
        waiting.recv().await.expect("it waits");
        holder.client.batch_execute("commit").await.expect("a commit");
    });
    (applied.expect("a session"), lines)
}

#[tokio::test]
async fn init_says_that_a_slot_waits_for_open_transactions() {
    let pg = Pg::start();
    let database = pg.database().await;
    database.execute("create table orders (id int primary key)").await;
    let slot = format!("slot {}", database.name);
    let hold = "select pg_current_xact_id()";
    let (applied, lines) = install_beside(&database, hold, &slot).await;
    assert_eq!(applied.left, 0, "{lines:#?}");
}

#[tokio::test]
async fn a_table_that_is_in_use_is_tried_again_instead_of_blocking_everybody() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key)").await;
    let (applied, lines) =
        install_beside(&database, "select from orders", "table public.orders").await;
    assert_eq!(applied.left, 0, "{lines:#?}");
}

#[tokio::test]
async fn the_schema_of_another_role_is_not_touched() {
    let database = Pg::shared().database().await;
    let wanted = installation(&database, &[]);
    install(&database, &wanted).await;
    let clerk = format!("clerk_{}", database.name);
    database.execute(&format!("create role {clerk} login")).await;
    let url = database.url.replace("//postgres@", &format!("//{clerk}@"));
    let (applied, lines) = install_as(&url, &wanted).await;
    assert_eq!((applied.done, applied.left, lines.len()), (0, 1, 1));
    assert!(lines[0].text.contains("belongs to the role postgres"), "{lines:#?}");
}
