//! Logical messages: who did it, custom events, and what is not for walhook.

use walhook::capture::Captured;

use crate::stream::Stream;
use crate::support::pg::Pg;

const TABLE: &str = "create table t (id int primary key);
    create function say(prefix text, content text, transactional boolean default true)
        returns void language sql as $$
            select pg_logical_emit_message(transactional, prefix, content) $$;";

#[tokio::test]
async fn an_actor_applies_to_what_follows_until_it_is_overwritten_cleared_or_committed() {
    let mut stream = Stream::of(TABLE).await;
    let lines = stream
        .lines(
            "begin; insert into t values (1);
             select say('walhook.user', '{\"id\": 1}');  insert into t values (2), (3);
             select say('walhook.user', '\"b\"');        delete from t where id = 2;
             select say('walhook.user', 'null');         insert into t values (4);
             select say('walhook.user', '5');            truncate t;
             select say('walhook.user', '');             insert into t values (5);
             select say('walhook.user', '6');            commit;
             insert into t values (6)",
        )
        .await;
    assert_eq!(
        lines,
        [
            "insert t id=1",
            "insert t id=2 by {\"id\": 1}",
            "insert t id=3 by {\"id\": 1}",
            "delete t key(id=2) by \"b\"",
            "insert t id=4",
            "truncate t by 5",
            "insert t id=5",
            "insert t id=6",
        ]
    );
}

#[tokio::test]
async fn an_actor_that_is_not_json_is_ignored() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; select say('walhook.user', '1'); select say('walhook.user', '{oops');
               insert into t values (1); commit";
    assert_eq!(stream.lines(sql).await, ["insert t id=1 by 1"]);
}

#[tokio::test]
async fn messages_outside_the_transaction_are_ignored() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; select say('walhook.user', '1', false); insert into t values (1);
               select say('walhook.event', '{\"type\":\"a.b\",\"object\":1}', false); commit;
               select say('walhook.user', '2', false); insert into t values (2)";
    assert_eq!(stream.lines(sql).await, ["insert t id=1", "insert t id=2"]);
}

#[tokio::test]
async fn sequins_annotations_name_the_actor_too() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; select say('sequin:transaction_annotations.set', '{\"user\":1}');
               insert into t values (1);
               select say('sequin:transaction_annotations.clear', '');
               insert into t values (2); commit";
    assert_eq!(stream.lines(sql).await, ["insert t id=1 by {\"user\":1}", "insert t id=2"]);
}

#[tokio::test]
async fn a_rolled_back_savepoint_takes_its_actor_along() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; select say('walhook.user', '1'); savepoint s;
               select say('walhook.user', '2'); rollback to s; insert into t values (1); commit";
    assert_eq!(stream.lines(sql).await, ["insert t id=1 by 1"]);
}

#[tokio::test]
async fn an_emitted_event_comes_in_order_with_its_actor_and_needs_no_table() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; select say('walhook.user', '1'); insert into t values (1);
               select say('walhook.event', '{\"type\": \"mfa.failed\", \"object\": {\"n\": 1.10}}');
               insert into t values (2); commit;
               select say('walhook.event', '{\"type\": \"mfa.failed\", \"object\": null}')";
    assert_eq!(
        stream.lines(sql).await,
        [
            "insert t id=1 by 1",
            "emit mfa.failed {\"n\": 1.10} by 1",
            "insert t id=2 by 1",
            "emit mfa.failed null"
        ]
    );
}

#[tokio::test]
async fn unusable_events_are_skipped_and_those_after_them_keep_their_positions() {
    let mut stream = Stream::of(TABLE).await;
    stream
        .execute(
            "begin; select say('walhook.event', 'oops');
             select say('walhook.event', '{\"type\":\"big\",\"object\":\"' || repeat('x', 2000000) || '\"}');
             select say('walhook.event', '{\"type\":\"a.b\",\"object\":1}'); commit",
        )
        .await;
    let read = stream.read().await;
    let emitted = read.iter().find_map(|captured| match captured {
        Captured::Emitted(emitted) => Some((&*emitted.event_type, emitted.position.ordinal)),
        _ => None,
    });
    assert_eq!(emitted, Some(("a.b", 2)));
}

#[tokio::test]
async fn a_change_of_configuration_stands_between_the_changes_it_parts() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; insert into t values (1); select say('walhook.config', 'anything');
               insert into t values (2); commit";
    stream.execute(sql).await;
    let read = stream.read().await;
    let [.., Captured::Configured { xid, content }, Captured::Change(after), _] = &read[..] else {
        panic!("{read:?}")
    };
    assert_eq!(*xid, after.transaction.xid);
    assert_eq!(&content[..], b"anything");
}

#[tokio::test]
async fn an_origin_applies_to_what_follows_in_its_transaction_and_to_nothing_else() {
    let mut stream = Stream::of(TABLE).await;
    let lines = stream
        .lines(
            "begin; insert into t values (0);
             select say('walhook.origin', '{\"source\": \"stripe\", \"event_id\": \"evt_1\"}');
             insert into t values (1), (2);  update t set id = 3 where id = 2;
             select say('walhook.user', '1');  delete from t where id = 3;
             select say('walhook.event', '{\"type\":\"a.b\",\"object\":1}');  truncate t;  commit;
             insert into t values (4)",
        )
        .await;
    assert_eq!(
        lines,
        [
            "insert t id=0",
            "insert t id=1 for stripe/evt_1",
            "insert t id=2 for stripe/evt_1",
            "update t key(id=2) -> id=3 for stripe/evt_1",
            "delete t key(id=3) by 1 for stripe/evt_1",
            "emit a.b 1 by 1 for stripe/evt_1",
            "truncate t by 1 for stripe/evt_1",
            "insert t id=4",
        ]
    );
}

#[tokio::test]
async fn an_origin_moves_no_position_and_its_transaction_is_the_same_otherwise() {
    let mut stream = Stream::of(TABLE).await;
    let changes = stream
        .changes(
            "begin; insert into t values (1);
             select say('walhook.origin', '{\"source\": \"stripe\", \"event_id\": \"evt_1\"}');
             insert into t values (2); insert into t values (3); commit",
        )
        .await;
    let ordinals: Vec<_> = changes.iter().map(|change| change.position.ordinal).collect();
    assert_eq!(ordinals, [0, 1, 2]);
    let [before, after, last] = [0, 1, 2].map(|index: usize| changes[index].transaction.as_ref());
    assert_eq!((before.xid, before.commit_time), (after.xid, after.commit_time));
    assert_eq!(after, last);
}

#[tokio::test]
async fn a_rolled_back_savepoint_takes_its_origin_along() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; savepoint s;
               select say('walhook.origin', '{\"source\": \"stripe\", \"event_id\": \"evt_1\"}');
               insert into t values (1); rollback to s; insert into t values (2);
               select say('walhook.origin', '{\"source\": \"github\", \"event_id\": \"2\"}');
               savepoint s; insert into t values (3); rollback to s; insert into t values (4); commit";
    assert_eq!(stream.lines(sql).await, ["insert t id=2", "insert t id=4 for github/2"]);
}

#[tokio::test]
async fn an_origin_that_is_none_or_outside_the_transaction_is_ignored() {
    let mut stream = Stream::of(TABLE).await;
    let sql = "begin; select say('walhook.origin', '{\"source\":\"a\",\"event_id\":\"1\"}', false);
               select say('walhook.origin', 'canary'); insert into t values (1);
               select say('walhook.origin', '{\"source\":\"a\",\"event_id\":\"1\"}');
               select say('walhook.origin', '{}'); insert into t values (2); commit";
    assert_eq!(stream.lines(sql).await, ["insert t id=1", "insert t id=2 for a/1"]);
}

#[tokio::test]
async fn messages_for_others_are_left_alone() {
    let mut stream = Stream::of(TABLE).await;
    let lines = stream.lines("select say('walhook.users', '1'), say('other', 'x')").await;
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
async fn the_sql_functions_write_what_capture_reads_in_any_encoding() {
    let admin = Pg::shared().database().await;
    let create = "create database latin_functions encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' \
                  template template0";
    admin.execute(create).await;
    let functions = [
        include_str!("../../sql/functions/set_user.sql"),
        include_str!("../../sql/functions/emit.sql"),
    ];
    let setup = format!(
        "{TABLE} create publication p for all tables; create schema walhook;
         create table walhook.event_type (name text);
         create function walhook.model_of_type(text) returns text language sql return null; {}",
        functions.concat()
    );
    let url = Pg::shared().url("latin_functions");
    let mut stream = Stream::listening(&url, "latin_functions", &setup).await;
    let lines = stream
        .lines(
            "begin; select walhook.set_user('{\"name\": \"Zoë\"}'); insert into t values (1);
             select walhook.emit('mfa.failed', '{\"größe\": 1.10}'); select walhook.set_user(null);
             select walhook.emit('mfa.failed', null); commit",
        )
        .await;
    assert_eq!(
        lines,
        [
            "insert t id=1 by {\"name\": \"Zoë\"}",
            "emit mfa.failed {\"größe\": 1.10} by {\"name\": \"Zoë\"}",
            "emit mfa.failed null",
        ]
    );
}
