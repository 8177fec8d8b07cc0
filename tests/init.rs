//! `walhook init` against a real server.

mod support;

use support::pg::{Database, Pg};
use walhook::admin::init;
use walhook::config::dsn::Dsn;
use walhook::store::schema::{Applied, CapturedTable, Installation, Line, Mark};

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
    let (_, lines) = install(&database, &wanted).await;
    assert_eq!(marks(&lines, Mark::Left), Vec::<&str>::new());
    assert_eq!(
        marks(&lines, Mark::Already),
        [
            "schema walhook",
            "publication walhook",
            "table public.orders",
            "table public.plain",
            &format!("slot {}", database.name),
            "checkpoint",
        ]
    );
}
