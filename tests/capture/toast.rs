//! Values kept out of line, which the WAL leaves out of rows where they did not change.

use crate::stream::Stream;

/// 9,000 bytes that stay out of line, for a column of any of these types.
const SETUP: &str = "
    create table doc (id int primary key, title text, body text, tags text[], data jsonb, raw bytea);
    alter table doc alter body set storage external, alter tags set storage external,
                    alter data set storage external, alter raw set storage external;
    create function insert_doc(id int) returns void language sql as $$
        insert into doc select id, 'a', repeat('x', 9000), array[repeat('y', 9000)],
                               to_jsonb(repeat('z', 9000)), decode(repeat('00', 4500), 'hex')
    $$;";

async fn doc(identity: &str) -> Stream {
    let setup = format!("{SETUP} alter table doc replica identity {identity};");
    let mut stream = Stream::of(&setup).await;
    stream.lines("select insert_doc(1)").await;
    stream
}

const WHOLE: &str = "body=xxx…9000 tags={yy…9002 data=\"zz…9002 raw=\\x0…9002";
const UNKNOWN: &str = "body=? tags=? data=? raw=?";

#[tokio::test]
async fn an_unchanged_toasted_value_is_unknown_and_never_null_under_default() {
    let mut stream = doc("default").await;
    assert_eq!(
        stream.lines("update doc set title = 'b'").await,
        [format!("update doc -> id=1 title=b {UNKNOWN}")]
    );
}

#[tokio::test]
async fn an_unchanged_toasted_value_is_filled_from_the_old_row_under_full() {
    let mut stream = doc("full").await;
    assert_eq!(
        stream.lines("update doc set title = 'b'").await,
        [format!("update doc full(id=1 title=a {WHOLE}) -> id=1 title=b {WHOLE}")]
    );
}

#[tokio::test]
async fn a_toasted_value_that_did_change_is_there() {
    let mut stream = doc("default").await;
    assert_eq!(
        stream.lines("update doc set body = repeat('n', 8000)").await,
        ["update doc -> id=1 title=a body=nnn…8000 tags=? data=? raw=?"]
    );
    let mut stream = doc("full").await;
    let expected = WHOLE.replace("xxx…9000", "-");
    assert_eq!(
        stream.lines("update doc set body = null").await,
        [format!("update doc full(id=1 title=a {WHOLE}) -> id=1 title=a {expected}")]
    );
}

#[tokio::test]
async fn several_updates_of_a_row_in_one_transaction_each_tell_what_they_know() {
    let mut stream = doc("default").await;
    let lines = stream
        .lines("begin; update doc set body = repeat('n', 8000); update doc set title = 'b'; commit")
        .await;
    assert_eq!(
        lines,
        [
            "update doc -> id=1 title=a body=nnn…8000 tags=? data=? raw=?",
            "update doc -> id=1 title=b body=? tags=? data=? raw=?",
        ]
    );
}

#[tokio::test]
async fn a_row_inserted_and_updated_in_one_transaction_is_whole_at_first() {
    let mut stream = doc("default").await;
    let lines = stream
        .lines("begin; select insert_doc(2); update doc set title = 'b' where id = 2; commit")
        .await;
    assert_eq!(
        lines,
        [
            format!("insert doc id=2 title=a {WHOLE}"),
            format!("update doc -> id=2 title=b {UNKNOWN}")
        ]
    );
}

#[tokio::test]
async fn a_deleted_row_has_its_toasted_values_under_full_only() {
    let expected = [
        ("default", format!("delete doc key(id=1 title=? {UNKNOWN})")),
        ("full", format!("delete doc full(id=1 title=a {WHOLE})")),
    ];
    for (identity, line) in expected {
        assert_eq!(doc(identity).await.lines("delete from doc").await, [line]);
    }
}

#[tokio::test]
async fn a_toasted_key_is_filled_from_the_old_key() {
    let setup = "create table t (id text primary key, n int);
                 alter table t alter id set storage external;
                 insert into t values (repeat('k', 2400), 1)";
    let mut stream = Stream::of(setup).await;
    assert_eq!(
        stream.lines("update t set n = 2").await,
        ["update t key(id=kkk…2400 n=?) -> id=kkk…2400 n=2"]
    );
}
