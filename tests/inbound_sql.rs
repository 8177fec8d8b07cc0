//! The inbound side as SQL has it: registering handlers, patterns, rights, the upgrade.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::inbound::{dsn, installed, post};
use support::pg::Pg;
use walhook::store::schema::{Installation, MIGRATIONS};

#[tokio::test]
async fn a_glob_crosses_dots_and_takes_everything_else_literally() {
    let database = installed(Pg::shared()).await;
    database
        .execute("create function h(walhook.inbound_event) returns void language sql as ''")
        .await;
    for (n, (pattern, event_type, takes)) in [
        ("*", "a.b.c", true),
        ("*", "", true),
        ("a.*", "a.b.c", true),
        ("a.*", "a.", true),
        ("a.*", "a", false),
        ("a.*", "A.b", false),
        ("*.c", "a.b.c", true),
        ("a.*.c", "a.b.b.c", true),
        ("a.b", "a.b", true),
        ("a.b", "axb", false),
        ("a_b", "axb", false),
        ("a_b", "a_b", true),
        ("a%b", "axxb", false),
        ("a%b", "a%b", true),
        (r"a\b", r"a\b", true),
        (r"a\*", r"a\x", true),
        ("a?", "ab", false),
        ("[ab]", "a", false),
    ]
    .into_iter()
    .enumerate()
    {
        let source = format!("s{n}");
        let register = "select walhook.on_inbound($1, $2, 'h(walhook.inbound_event)')";
        database.query(register, &[&source, &pattern]).await;
        let is_due = database.store(&[post(&source, "x", event_type)]).await.is_due;
        assert_eq!(is_due, takes, "{pattern} and {event_type}");
    }
}

#[tokio::test]
async fn an_installation_of_version_1_is_upgraded_beside_users_of_its_tables() {
    let database = Pg::shared().database().await;
    let first = MIGRATIONS[0].1;
    database.execute("create table orders (id int primary key)").await;
    database.execute(&format!("create schema walhook; {first}")).await;
    database.execute("insert into walhook.migration values (1)").await;
    // As strong as a lock of an application's transaction gets without ddl.
    let user = database.connect().await;
    user.client
        .batch_execute(
            "begin; lock table orders in share row exclusive mode; insert into orders values (1)",
        )
        .await
        .unwrap();
    let installation =
        Installation { publication: "walhook".to_owned(), ..Installation::default() };
    let mut lines = vec![];
    let applied = walhook::store::Session::connect(&dsn(&database)).await.unwrap();
    let observed = applied.observe(&installation).await.unwrap();
    let steps = walhook::store::schema::plan(&observed, &installation);
    let steps: Vec<_> =
        steps.into_iter().take_while(|step| !step.subject.starts_with("slot")).collect();
    applied.apply(&steps, &mut |line| lines.push(line)).await.unwrap();
    let text = format!("{lines:?}");
    assert!(text.contains("brought to version 2") && !text.contains("version 1\""), "{text}");
    assert!(database.store(&[post("s", "a", "t")]).await.written[0].is_some());
}

#[tokio::test]
async fn only_admins_register_and_retry_and_nobody_else_reads_or_writes() {
    let database = installed(Pg::shared()).await;
    database.store(&[post("s", "a", "t")]).await;
    let name = &database.name;
    database
        .execute(&format!(
            "create function h(walhook.inbound_event) returns void language sql as '';
             create role {name}_nobody; create role {name}_viewer in role walhook_viewer;
             create role {name}_admin in role walhook_admin"
        ))
        .await;
    let on = "select walhook.on_inbound('s', '*', 'h(walhook.inbound_event)')";
    let off = "select walhook.off_inbound('s', '*', 'h')";
    let retry = "select walhook.retry_inbound(1)";
    let run = "select walhook.run_inbound(1, 0)";
    let statements = "select walhook.inbound_statements(e) from walhook.inbound_event as e";
    let read = "select payload, raw from walhook.inbound_event";
    let log = "select * from walhook.inbound_log";
    let tokens = "select * from walhook.inbound_token";
    let write = "update walhook.inbound_event set times_seen = 2";
    let insert = "insert into walhook.inbound_handler values ('s', '*', 'h', 'x')";
    for (role, may, may_not) in [
        (
            "nobody",
            &[][..],
            &[on, off, retry, run, statements, read, log, tokens, write, insert][..],
        ),
        ("viewer", &[read, log, tokens], &[on, off, retry, run, statements, write, insert]),
        ("admin", &[on, retry, off, read, log], &[run, statements, write, insert]),
    ] {
        for (sql, wanted) in may.iter().map(|s| (s, true)).chain(may_not.iter().map(|s| (s, false)))
        {
            database.execute(&format!("set role {name}_{role}")).await;
            let outcome = database.client().simple_query(sql).await;
            database.execute("reset role").await;
            assert_eq!(outcome.is_ok(), wanted, "{role}: {sql}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_function_that_is_no_handler_is_refused_with_a_hint() {
    let database = installed(Pg::shared()).await;
    database
        .execute(
            "create function no_argument() returns void language sql as '';
             create function two(walhook.inbound_event, int) returns void language sql as '';
             create function other(jsonb) returns void language sql as '';
             create function returns_int(walhook.inbound_event) returns int language sql as 'select 1';
             create function returns_set(walhook.inbound_event) returns setof void language sql as '';
             create procedure proc(walhook.inbound_event) language sql as '';
             create function good(walhook.inbound_event) returns void language sql as ''",
        )
        .await;
    let hint_of = async |call: &str| {
        let error = database.client().simple_query(call).await.unwrap_err();
        let error = error.as_db_error().unwrap().clone();
        (error.message().to_owned(), error.hint().unwrap_or_default().to_owned())
    };
    for signature in [
        "no_argument()",
        "two(walhook.inbound_event, int)",
        "other(jsonb)",
        "returns_int(walhook.inbound_event)",
        "returns_set(walhook.inbound_event)",
        "proc(walhook.inbound_event)",
    ] {
        let call = format!("select walhook.on_inbound('s', '*', '{signature}')");
        let (message, hint) = hint_of(&call).await;
        assert!(message.contains("cannot handle inbound events"), "{signature}: {message}");
        assert!(hint.contains("walhook.inbound_event"), "{signature}: {hint}");
    }
    let good = "good(walhook.inbound_event)";
    for arguments in [
        format!("'S', '*', '{good}'"),
        format!("null, '*', '{good}'"),
        format!("'s', '', '{good}'"),
        format!("'s', null, '{good}'"),
        "'s', '*', null".to_owned(),
    ] {
        let (_, hint) = hint_of(&format!("select walhook.on_inbound({arguments})")).await;
        assert!(!hint.is_empty(), "{arguments}");
    }
    for _ in 0..2 {
        database.query(&format!("select walhook.on_inbound('s', '*', '{good}')"), &[]).await;
    }
    let count = "select count(*) from walhook.inbound_handler";
    assert_eq!(database.query_one::<i64>(count, &[]).await, 1);
    for (handler, wanted) in [("h", false), ("public.good", true), ("public.good", false)] {
        let off = "select walhook.off_inbound('s', '*', $1)";
        assert_eq!(database.query_one::<bool>(off, &[&handler]).await, wanted);
    }
}
