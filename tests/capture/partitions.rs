//! Partitioned tables, published as their root or as their leaves.

use walhook::change::{OldTuple, ReplicaIdentity, Row};

use crate::stream::Stream;

/// A root with two leaves, the second of them with its columns in another order.
const SETUP: &str = "
    create schema shop;
    create table shop.sale (id int, region text, note text, primary key (id, region))
        partition by list (region);
    create table shop.sale_north partition of shop.sale for values in ('n');
    create table shop.sale_south (note text, dropped int, region text not null, id int not null);
    alter table shop.sale_south drop dropped;
    alter table shop.sale attach partition shop.sale_south for values in ('s');";

const FULL: &str = "
    alter table shop.sale replica identity full;
    alter table shop.sale_north replica identity full;
    alter table shop.sale_south replica identity full;";

const PUBLICATIONS: [&str; 3] =
    ["for table shop.sale", "for all tables", "for tables in schema shop"];

const ROOT: &str = "with (publish_via_partition_root = true)";

async fn sale(identity: &str, publication: &str) -> Stream {
    Stream::published(&format!("{SETUP} {identity}"), publication).await
}

#[tokio::test]
async fn changes_in_partitions_belong_to_the_root() {
    for publication in PUBLICATIONS {
        let mut stream = sale("", &format!("{publication} {ROOT}")).await;
        let sql = "insert into shop.sale values (1, 'n', 'a'), (2, 's', 'b');
                   update shop.sale set note = 'c'; delete from shop.sale_south";
        assert_eq!(
            stream.lines(sql).await,
            [
                "insert sale id=1 region=n note=a",
                "insert sale id=2 region=s note=b",
                "update sale -> id=1 region=n note=c",
                "update sale -> id=2 region=s note=c",
                "delete sale key(id=2 region=s note=?)",
            ],
            "{publication}"
        );
        let asked = stream.questions.iter().flat_map(|question| &question.relations);
        assert_eq!(
            asked.collect::<std::collections::HashSet<_>>().len(),
            1,
            "leaves are not asked"
        );
    }
}

#[tokio::test]
async fn without_the_root_option_changes_belong_to_the_leaf() {
    for publication in PUBLICATIONS {
        let mut stream = sale("", publication).await;
        let sql = "insert into shop.sale values (1, 'n', 'a'), (2, 's', 'b')";
        assert_eq!(
            stream.lines(sql).await,
            ["insert sale_north id=1 region=n note=a", "insert sale_south note=b region=s id=2"],
            "{publication}"
        );
    }
}

#[tokio::test]
async fn a_row_that_moves_to_another_partition_is_deleted_and_inserted() {
    let mut stream = sale("", &format!("for table shop.sale {ROOT}")).await;
    let sql = "insert into shop.sale values (1, 'n', 'a'); update shop.sale set region = 's'";
    assert_eq!(
        stream.lines(sql).await[1..],
        ["delete sale key(id=1 region=n note=?)", "insert sale id=1 region=s note=a"]
    );
}

#[tokio::test]
async fn truncating_the_root_shows_and_truncating_a_leaf_does_not_under_the_root() {
    for publication in PUBLICATIONS {
        let mut stream = sale("", &format!("{publication} {ROOT}")).await;
        assert_eq!(stream.lines("truncate shop.sale").await, ["truncate sale"], "{publication}");
        assert_eq!(stream.lines("truncate shop.sale_north").await, [""; 0], "{publication}");
    }
}

#[tokio::test]
async fn truncating_shows_for_each_leaf_without_the_root() {
    let mut stream = sale("", "for all tables").await;
    let mut lines = stream.lines("truncate shop.sale").await;
    lines.sort_unstable();
    assert_eq!(lines, ["truncate sale_north", "truncate sale_south"]);
}

#[tokio::test]
async fn a_detached_partition_falls_silent_and_speaks_again_when_attached() {
    let mut stream = sale("", &format!("for table shop.sale {ROOT}")).await;
    let sql = "alter table shop.sale detach partition shop.sale_north;
               insert into shop.sale_north values (1, 'n', 'a');
               alter table shop.sale attach partition shop.sale_north for values in ('n');
               insert into shop.sale_north values (2, 'n', 'b');
               drop table shop.sale_south";
    assert_eq!(stream.lines(sql).await, ["insert sale id=2 region=n note=b"]);
}

#[tokio::test]
async fn old_rows_are_whole_where_the_root_and_every_leaf_are_full() {
    let mut stream = sale(FULL, &format!("for table shop.sale {ROOT}")).await;
    let sql = "insert into shop.sale values (2, 's', null); update shop.sale set note = 'c'";
    assert_eq!(
        stream.lines(sql).await[1],
        "update sale full(id=2 region=s note=-) -> id=2 region=s note=c"
    );
}

/// pgoutput then says "the whole old row" of a row that has nulls wherever the leaf's identity
/// does not reach.
#[tokio::test]
async fn a_leaf_without_old_rows_under_a_full_root_makes_old_values_unknown_not_null() {
    let root_only = "alter table shop.sale replica identity full;";
    let mut stream = sale(root_only, &format!("for table shop.sale {ROOT}")).await;
    let sql = "insert into shop.sale values (1, 'n', 'a'), (2, 's', 'b');
               update shop.sale set id = 3 where id = 1;
               delete from shop.sale where id = 3";
    let changes = stream.changes(sql).await;
    for change in &changes[2..] {
        let (Row::Update { old, .. } | Row::Delete { old }) = &change.row else { panic!() };
        assert!(matches!(old, OldTuple::Key(_)), "{old:?}");
    }
    assert_eq!(changes[0].table.identity, ReplicaIdentity::Default);
    let identity = changes[0].table.columns.iter().map(|column| column.in_identity);
    assert_eq!(identity.collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn a_new_leaf_without_old_rows_is_noticed_and_so_is_its_repair() {
    let mut stream = sale(FULL, &format!("for table shop.sale {ROOT}")).await;
    let update = "update shop.sale set id = id + 1, note = null where region = 'w'";
    let sql = "create table shop.sale_west partition of shop.sale for values in ('w');
               insert into shop.sale values (1, 'w', 'a')";
    stream.lines(sql).await;
    assert_eq!(
        stream.lines(update).await,
        ["update sale key(id=1 region=w note=?) -> id=2 region=w note=-"]
    );
    stream.execute("alter table shop.sale_west replica identity full").await;
    assert_eq!(
        stream.lines(update).await,
        ["update sale full(id=2 region=w note=-) -> id=3 region=w note=-"]
    );
}

#[tokio::test]
async fn old_rows_from_before_a_repair_of_the_leaf_stay_unknown() {
    let root_only = "alter table shop.sale replica identity full;";
    let mut stream = sale(root_only, &format!("for table shop.sale {ROOT}")).await;
    let sql = "insert into shop.sale values (1, 'n', 'a'), (2, 'n', 'b');
               delete from shop.sale where id = 1;
               alter table shop.sale_north replica identity full;
               delete from shop.sale where id = 2";
    assert_eq!(
        stream.lines(sql).await[2..],
        ["delete sale key(id=1 region=n note=?)", "delete sale full(id=2 region=n note=b)"]
    );
}

#[tokio::test]
async fn a_migration_that_locks_a_partition_does_not_hold_the_catalog_up() {
    let mut stream = sale(FULL, &format!("for table shop.sale {ROOT}")).await;
    let migration = crate::support::pg::Connected::open(&stream.url).await;
    stream.execute("insert into shop.sale values (1, 'n', 'a')").await;
    let lock = "begin; lock table shop.sale_south in access exclusive mode";
    migration.client.batch_execute(lock).await.unwrap();
    stream.execute("set lock_timeout = '1ms'").await;
    assert_eq!(stream.lines("").await, ["insert sale id=1 region=n note=a"]);
}
