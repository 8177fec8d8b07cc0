//! Tables and publications that change while the stream runs.

use std::sync::Arc;

use walhook::change::{Change, ReplicaIdentity};
use walhook::value::Kind;

use crate::stream::{Stream, changes, lines};

const TABLE: &str = "create table t (id int primary key, a text);";

fn columns(change: &Change) -> Vec<(&str, i16)> {
    change.table.columns.iter().map(|column| (&*column.name, column.attnum)).collect()
}

#[tokio::test]
async fn each_change_sees_the_columns_of_its_time_inside_a_transaction() {
    let mut stream = Stream::of(TABLE).await;
    let lines = stream
        .lines(
            "begin;
             insert into t values (1, 'a');
             alter table t add b int default 7;     insert into t values (2, 'b');
             alter table t rename a to c;           insert into t values (3, 'c');
             alter table t drop c;                  insert into t values (4, 8);
             alter table t alter b type text;       update t set b = 'x' where id = 1;
             alter table t rename to u;             delete from u where id = 2;
             commit",
        )
        .await;
    assert_eq!(
        lines,
        [
            "insert t id=1 a=a",
            "insert t id=2 a=b b=7",
            "insert t id=3 c=c b=7",
            "insert t id=4 b=8",
            "update t -> id=1 b=x",
            "delete u key(id=2 b=?)",
        ]
    );
}

#[tokio::test]
async fn each_change_sees_the_columns_of_its_time_between_transactions() {
    let mut stream = Stream::of(TABLE).await;
    for sql in [
        "insert into t values (1, 'a')",
        "alter table t add b numeric",
        "insert into t values (2, 'b', 1.50)",
        "alter table t alter b type int8",
        "insert into t values (3, 'c', 3)",
        "alter table t drop a",
        "insert into t values (4, 4)",
    ] {
        stream.execute(sql).await;
    }
    let read = stream.read().await;
    assert_eq!(
        lines(&read),
        [
            "insert t id=1 a=a",
            "insert t id=2 a=b b=1.50",
            "insert t id=3 a=c b=3",
            "insert t id=4 b=4"
        ]
    );
    let changes = changes(read);
    let kind = |change: &Change| change.table.columns.last().unwrap().kind.clone();
    let kinds = changes.iter().map(kind).collect::<Vec<_>>();
    assert_eq!(kinds, [Kind::Text, Kind::Numeric, Kind::Int8, Kind::Int8]);
}

#[tokio::test]
async fn a_renamed_column_keeps_its_number_and_a_column_that_is_gone_has_none() {
    let mut stream = Stream::of("create table t (id int primary key, a text, b text)").await;
    assert_eq!(
        columns(&stream.changes("insert into t values (1)").await[0]),
        [("id", 1), ("a", 2), ("b", 3)]
    );
    let sql = "alter table t rename a to c; insert into t values (2)";
    assert_eq!(columns(&stream.changes(sql).await[0]), [("id", 1), ("c", 2), ("b", 3)]);
    let sql =
        "insert into t values (3); alter table t drop b, add b text; insert into t values (4)";
    let changes = stream.changes(sql).await;
    // The WAL does not tell which "b" it was, the catalog only knows the one there is now.
    assert_eq!(columns(&changes[1]), [("id", 1), ("c", 2), ("b", 4)]);
    let sql = "insert into t values (5); alter table t drop c";
    assert_eq!(columns(&stream.changes(sql).await[0]), [("id", 1), ("c", 0), ("b", 4)]);
}

#[tokio::test]
async fn a_table_that_did_not_change_is_not_described_anew() {
    let mut stream = Stream::of(TABLE).await;
    let first = stream.table("insert into t values (1)").await;
    let changes = stream
        .changes("insert into t values (2); analyze t; truncate t; insert into t values (3)")
        .await;
    assert!(changes.iter().all(|change| Arc::ptr_eq(&change.table, &first)));
    let altered = stream.table("alter table t add b int; insert into t values (4)").await;
    assert!(!Arc::ptr_eq(&altered, &first));
}

#[tokio::test]
async fn a_changed_replica_identity_applies_from_its_place_in_the_stream() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "insert into t values (1); update t set a = 'x';
               alter table t replica identity full; update t set a = 'y'; delete from t";
    let changes = stream.changes(sql).await;
    let identities = changes.iter().map(|change| change.table.identity).collect::<Vec<_>>();
    assert_eq!(identities[..2], [ReplicaIdentity::Default; 2]);
    assert_eq!(identities[2..], [ReplicaIdentity::Full; 2]);
}

#[tokio::test]
async fn a_table_that_is_gone_meanwhile_still_has_its_changes() {
    let mut stream = Stream::of(TABLE).await;
    let changes = stream.changes("insert into t values (1, 'a'); drop table t").await;
    assert_eq!(columns(&changes[0]), [("id", 0), ("a", 0)]);
    assert!(changes[0].table.columns[0].in_primary_key, "the WAL itself tells the key");
}

#[tokio::test]
async fn a_dropped_and_recreated_table_is_another_one() {
    let mut stream = Stream::of(TABLE).await;
    let sql = format!("insert into t values (1); drop table t; {TABLE} insert into t values (2)");
    let changes = stream.changes(&sql).await;
    assert_ne!(changes[0].table.oid, changes[1].table.oid);
}

#[tokio::test]
async fn tables_join_and_leave_a_publication_while_the_stream_runs() {
    let setup = format!("{TABLE} create table u (id int)");
    let mut stream = Stream::published(&setup, "for table t").await;
    let sql = "insert into u values (1); alter publication p add table u; insert into u values (2);
               alter publication p drop table t; insert into t values (3); insert into u values (4)";
    assert_eq!(stream.lines(sql).await, ["insert u id=2", "insert u id=4"]);
}

#[tokio::test]
async fn a_new_table_of_all_tables_or_of_a_published_schema_is_captured() {
    for what in ["for all tables", "for tables in schema shop"] {
        let mut stream = Stream::published("create schema shop", what).await;
        let sql = "create table shop.new (id int); insert into shop.new values (1)";
        assert_eq!(stream.lines(sql).await, ["insert new id=1"], "{what}");
    }
}

#[tokio::test]
async fn a_column_list_leaves_the_other_columns_out() {
    let mut stream = Stream::published(
        "create table t (id int primary key, secret text, a text)",
        "for table t (id, a)",
    )
    .await;
    let changes = stream.changes("insert into t values (1, 's', 'a')").await;
    assert_eq!(columns(&changes[0]), [("id", 1), ("a", 3)]);
}

#[tokio::test]
async fn a_row_that_moves_in_or_out_of_a_row_filter_is_inserted_or_deleted() {
    let setup = "create table t (id int primary key, a text); alter table t replica identity full";
    let mut stream = Stream::published(setup, "for table t where (a = 'in')").await;
    let sql = "insert into t values (1, 'out'), (2, 'in'); update t set a = 'in' where id = 1;
               update t set a = 'out' where id = 2";
    assert_eq!(
        stream.lines(sql).await,
        ["insert t id=2 a=in", "insert t id=1 a=in", "delete t full(id=2 a=in)"]
    );
}
