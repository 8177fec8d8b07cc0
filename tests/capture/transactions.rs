//! Transactions: order, positions, what never shows.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::SinkExt;
use walhook::capture::Captured;

use crate::stream::{Stream, lines, positions};
use crate::support::pg::Pg;

const TABLE: &str = "create table t (id int primary key, n int);";

#[tokio::test]
async fn the_rows_of_one_statement_and_of_one_copy_have_positions_of_their_own() {
    let mut stream = Stream::of(TABLE).await;
    stream.execute("insert into t select n, n from generate_series(1, 1000) as n").await;
    let copy = stream.session.client.copy_in("copy t from stdin").await.unwrap();
    let rows: String = (1001..=2000).map(|n| format!("{n}\t{n}\n")).collect();
    futures_util::pin_mut!(copy);
    copy.send(Bytes::from(rows)).await.unwrap();
    copy.close().await.unwrap();

    let replayed = positions(&stream.peek().await);
    let read = stream.read().await;
    let positions = positions(&read);
    assert_eq!(positions.iter().collect::<HashSet<_>>().len(), 2000);
    assert!(positions.is_sorted());
    assert_eq!(positions[1000].ordinal, 0, "each transaction counts from 0");
    assert_eq!(positions, replayed, "a replay counts alike");
}

#[tokio::test]
async fn a_transaction_is_framed_and_its_changes_know_it() {
    let mut stream = Stream::of(TABLE).await;
    stream.execute("begin; insert into t values (1); insert into t values (2); commit").await;
    let facts = "select xmin::text::int8, (extract(epoch from now()) * 1000000)::int8 from t";
    let facts = stream.session.client.query(facts, &[]).await.unwrap();
    let (xid, now): (i64, i64) = (facts[0].get(0), facts[0].get(1));
    let read = stream.read().await;
    let [
        Captured::Begin { commit: begun },
        Captured::Nothing,
        Captured::Change(first),
        Captured::Change(second),
        Captured::Commit { commit, end },
    ] = &read[..]
    else {
        panic!("{read:?}")
    };
    assert!(begun == commit && end > commit);
    assert_eq!((first.position.commit, second.position.commit), (*commit, *commit));
    assert_eq!((first.position.ordinal, second.position.ordinal), (0, 1));
    assert_eq!(i64::from(first.transaction.xid), xid);
    let age = now - first.transaction.commit_time;
    assert!((0..60_000_000).contains(&age), "commit time is in microseconds since 1970: {age}");
}

#[tokio::test]
async fn what_was_rolled_back_never_shows() {
    let mut stream = Stream::of(TABLE).await;
    let lines = stream
        .lines(
            "begin; insert into t values (1); rollback;
             begin; insert into t values (2); savepoint s; insert into t values (3);
             select pg_logical_emit_message(true, 'walhook.user', '7');
             rollback to s; insert into t values (4); commit;",
        )
        .await;
    assert_eq!(lines, ["insert t id=2 n=-", "insert t id=4 n=-"]);
}

#[tokio::test]
async fn transactions_come_in_the_order_of_their_commits() {
    let database = Pg::shared().database().await;
    let setup = format!("{TABLE} create publication p for all tables");
    let mut stream = Stream::listening(&database.url, &database.name, &setup).await;
    let other = database.connect().await;
    stream.execute("begin; insert into t values (1)").await;
    other.client.batch_execute("begin; insert into t values (2)").await.unwrap();
    stream.execute("insert into t values (3)").await;
    other.client.batch_execute("insert into t values (4); commit").await.unwrap();
    assert_eq!(
        stream.lines("commit").await,
        ["insert t id=2 n=-", "insert t id=4 n=-", "insert t id=1 n=-", "insert t id=3 n=-"]
    );
}

#[tokio::test]
async fn unpublished_unlogged_and_temporary_tables_and_reading_show_nothing_at_all() {
    let setup = format!("{TABLE} create table u (id int); create unlogged table v (id int);");
    let mut stream = Stream::published(&setup, "for table t").await;
    stream.execute("begin; insert into u values (1); insert into v values (1); commit").await;
    stream.execute("create temp table w (id int); insert into w values (1)").await;
    stream.execute("begin; select * from t; commit").await;
    assert_eq!(stream.read().await, []);
    let mixed = "begin; insert into u values (2); insert into t values (1); commit";
    assert_eq!(stream.lines(mixed).await, ["insert t id=1 n=-"]);
}

#[tokio::test]
async fn a_prepared_transaction_comes_when_it_is_committed() {
    let pg = Pg::start_with(&[("max_prepared_transactions", "2")]);
    let setup = format!("{TABLE} create publication p for all tables");
    let mut stream = Stream::listening(&pg.url("postgres"), "s", &setup).await;
    let prepare = "begin; insert into t values (1); prepare transaction 'a';
                   begin; insert into t values (2); prepare transaction 'b';
                   insert into t values (3)";
    assert_eq!(stream.lines(prepare).await, ["insert t id=3 n=-"]);
    stream.execute("rollback prepared 'a'").await;
    stream.execute("commit prepared 'b'").await;
    assert_eq!(stream.lines("").await, ["insert t id=2 n=-"]);
}

#[tokio::test]
async fn truncate_is_one_change_for_each_table() {
    let setup = "create table a (id serial primary key); create table b (id int references a);
                 create table c (id int);";
    let mut stream = Stream::of(setup).await;
    stream.execute("truncate a, c cascade").await;
    let read = stream.read().await;
    let mut tables = lines(&read);
    tables.sort_unstable();
    assert_eq!(tables, ["truncate a", "truncate b", "truncate c"]);
    let ordinals = positions(&read).into_iter().map(|position| position.ordinal);
    assert_eq!(ordinals.collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(stream.lines("truncate c restart identity").await, ["truncate c"]);
}

#[tokio::test]
async fn a_changed_publication_and_later_ddl_do_not_move_positions_of_a_replay() {
    let setup = format!("{TABLE} create table u (id int primary key); create table v (id int);");
    let mut stream = Stream::published(&setup, "for table t, u").await;
    stream
        .execute(
            "begin; insert into t values (1); insert into u values (1); insert into v values (1);
             select pg_logical_emit_message(true, 'walhook.event', 'bad');
             insert into t values (2); truncate t, u; insert into t values (3); commit",
        )
        .await;
    let before = stream.peek().await;
    stream.execute("alter publication p set table t, v; alter table t add x int, drop n").await;
    stream.execute("drop table u").await;
    let after = stream.read().await;
    assert_eq!(positions(&after), positions(&before));
    assert_eq!(lines(&after), lines(&before));
    let ordinals = positions(&after).into_iter().map(|position| position.ordinal);
    // 2 was the emitted event that is none.
    assert_eq!(ordinals.collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6]);
}
