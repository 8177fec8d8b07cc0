//! Inserts, updates and deletes under each replica identity.

use walhook::change::{OldTuple, ReplicaIdentity, Row};

use crate::stream::Stream;

const CUSTOMER: &str = "create table customer (id int primary key, code text not null, name text); \
                        create unique index customer_code on customer (code);";

async fn customer(identity: &str) -> Stream {
    let identity = format!("alter table customer replica identity {identity};");
    Stream::of(&format!("{CUSTOMER} {identity}")).await
}

const ALL_THREE: &str = "insert into customer values (1, 'a', 'Zoë'), (2, 'b', null);
                         update customer set name = 'Zoe' where id = 1;
                         delete from customer where id = 1;";

#[tokio::test]
async fn identity_default_tells_just_the_key_of_a_deleted_row() {
    let mut stream = customer("default").await;
    assert_eq!(
        stream.lines(ALL_THREE).await,
        [
            "insert customer id=1 code=a name=Zoë",
            "insert customer id=2 code=b name=-",
            "update customer -> id=1 code=a name=Zoe",
            "delete customer key(id=1 code=? name=?)",
        ]
    );
}

#[tokio::test]
async fn identity_full_tells_the_whole_old_row() {
    let mut stream = customer("full").await;
    assert_eq!(
        stream.lines(ALL_THREE).await[2..],
        [
            "update customer full(id=1 code=a name=Zoë) -> id=1 code=a name=Zoe",
            "delete customer full(id=1 code=a name=Zoe)",
        ]
    );
}

#[tokio::test]
async fn identity_index_tells_the_columns_of_the_index() {
    let mut stream = customer("using index customer_code").await;
    assert_eq!(
        stream.lines(ALL_THREE).await[2..],
        ["update customer -> id=1 code=a name=Zoe", "delete customer key(id=? code=a name=?)"]
    );
}

#[tokio::test]
async fn under_identity_nothing_the_server_refuses_updates_and_inserts_flow() {
    let mut stream = customer("nothing").await;
    let inserted = stream.lines("insert into customer values (1, 'a', null)").await;
    assert_eq!(inserted, ["insert customer id=1 code=a name=-"]);
    for refused in ["update customer set name = 'x'", "delete from customer"] {
        assert!(stream.session.client.batch_execute(refused).await.is_err());
    }
    assert_eq!(stream.lines("").await, [""; 0]);
}

#[tokio::test]
async fn a_table_without_a_primary_key_has_inserts_and_no_key() {
    let mut stream = Stream::of("create table note (body text)").await;
    let table = stream.table("insert into note values ('x')").await;
    assert_eq!(table.identity, ReplicaIdentity::Default);
    assert!(!table.columns[0].in_primary_key && !table.columns[0].in_identity);
}

#[tokio::test]
async fn a_changed_primary_key_comes_with_the_former_one() {
    for (identity, old) in [
        ("default", "key(id=1 code=? name=?)"),
        ("full", "full(id=1 code=a name=-)"),
        ("using index customer_code", ""),
    ] {
        let mut stream = customer(identity).await;
        let lines =
            stream.lines("insert into customer values (1, 'a'); update customer set id = 2").await;
        let expected = format!("update customer {old} -> id=2 code=a name=-");
        assert_eq!(lines[1], expected.replace("  ", " "), "{identity}");
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_is_told_apart_from_one_with_unknown_old_values() {
    let sql = "insert into customer values (1, 'a'); update customer set name = name";
    let changes = customer("full").await.changes(sql).await;
    let Row::Update { old: OldTuple::Full(old), new } = &changes[1].row else { panic!() };
    assert!((0..3).all(|index| old.cell(index) == new.cell(index)));
    let changes = customer("default").await.changes(sql).await;
    assert!(matches!(&changes[1].row, Row::Update { old: OldTuple::Unknown, .. }));
}

#[tokio::test]
async fn the_primary_key_is_known_under_every_identity_and_without_included_columns() {
    let setup = "create table t (note text, b int, a int not null, code text not null unique,
                                 primary key (b, a) include (note))";
    for identity in ["default", "full", "nothing", "using index t_code_key"] {
        let setup = format!("{setup}; alter table t replica identity {identity}");
        let mut stream = Stream::of(&setup).await;
        let table = stream.table("insert into t values ('n', 1, 2, 'c')").await;
        let key: Vec<_> = table.columns.iter().filter(|c| c.in_primary_key).collect();
        let key: Vec<_> = key.iter().map(|column| (&*column.name, column.attnum)).collect();
        assert_eq!(key, [("b", 2), ("a", 3)], "{identity}");
    }
}

#[tokio::test]
async fn a_deferrable_primary_key_is_no_identity_but_a_key() {
    let mut stream = Stream::of("create table t (id int primary key deferrable)").await;
    let table = stream.table("insert into t values (1)").await;
    assert!(!table.columns[0].in_identity && table.columns[0].in_primary_key);
}

#[tokio::test]
async fn generated_columns_are_absent_and_identity_columns_present() {
    let setup = "create table t (id int generated always as identity primary key, a int,
                                 twice int generated always as (a * 2) stored, b int)";
    let mut stream = Stream::of(setup).await;
    let changes = stream.changes("insert into t (a, b) values (1, 2)").await;
    let columns = changes[0].table.columns.iter().map(|column| (&*column.name, column.attnum));
    assert_eq!(columns.collect::<Vec<_>>(), [("id", 1), ("a", 2), ("b", 4)]);
}

#[tokio::test]
async fn walhooks_own_tables_are_never_events_even_if_published() {
    let setup = "create schema walhook; create table walhook.attempt (id int primary key);
                 create table t (id int primary key)";
    let mut stream = Stream::of(setup).await;
    let lines = stream
        .lines(
            "begin; insert into walhook.attempt values (1), (2); update walhook.attempt set id = 7
             where id = 1; insert into t values (1); delete from walhook.attempt;
             truncate walhook.attempt, t; commit",
        )
        .await;
    assert_eq!(lines, ["insert t id=1", "truncate t"]);
}
