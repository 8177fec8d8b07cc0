//! From committed rows to bodies, through the real daemon: what arrives, in which order, and
//! what never does. Contract 3.1. `tests/capture` has the finer points of the stream.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::daemon::{Daemon, Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::pg::{Database, Pg};

/// One endpoint that gets everything in commit order.
struct World {
    database: Database,
    hooks: Hooks,
    site: Site,
    daemon: Daemon,
}

impl World {
    async fn new(schema: &str, tables: &[&str], models: &str, rest: &str) -> Self {
        let database = Pg::shared().database().await;
        database.execute(schema).await;
        let hooks = Hooks::ok().await;
        let rest = format!("ordering = \"endpoint\"\n{rest}");
        let config = format!("{models}\n{}", endpoint("crm", &hooks.url("/"), &rest));
        let site = Site::new(&database, tables, &config);
        let daemon = site.up().await;
        Self { database, hooks, site, daemon }
    }

    /// Runs the statements and returns what arrives up to a custom event behind them.
    async fn after(&self, sql: &str) -> Vec<Hook> {
        let before = self.hooks.len();
        self.database.execute(sql).await;
        self.since(before).await
    }

    /// What arrived after the first `before`, up to a custom event of now.
    async fn since(&self, before: usize) -> Vec<Hook> {
        self.database.execute("select walhook.emit('test.end', '{}')").await;
        let ended = move |hooks: &[Hook]| {
            hooks.len() > before && hooks.last().is_some_and(|h| h.event_type() == "test.end")
        };
        let mut hooks = self.hooks.until(ended).await.split_off(before);
        hooks.pop();
        hooks
    }
}

fn types(hooks: &[Hook]) -> Vec<&str> {
    hooks.iter().map(Hook::event_type).collect()
}

fn objects(hooks: &[Hook]) -> Vec<Value> {
    hooks.iter().map(Hook::object).collect()
}

#[tokio::test]
async fn a_row_comes_and_changes_and_goes_with_its_model_user_and_changes() {
    let model = "[models.\"store.Order\"]\ntable = \"public.orders\"\n\
                 user = { id = \"updated_by\" }\n";
    let world = World::new(
        "create table orders (id bigint primary key, status text, total numeric, updated_by int)",
        &[],
        model,
        "",
    )
    .await;
    let hooks = world
        .after(
            "insert into orders values (9007199254740993, 'new', 299.90, 7); \
             update orders set status = 'paid'; \
             update orders set status = status; \
             begin; select walhook.set_user('{\"id\": \"1\", \"username\": \"admin\"}'); \
             update orders set total = null; commit; \
             delete from orders",
        )
        .await;
    assert_eq!(types(&hooks), ["order.created", "order.updated", "order.updated", "order.deleted"]);
    let created = hooks[0].json();
    let members: Vec<_> = created.as_object().unwrap().keys().cloned().collect();
    let mut wanted = [
        "id",
        "type",
        "event",
        "schema_version",
        "timestamp",
        "model",
        "object",
        "changes",
        "user",
    ];
    wanted.sort_unstable();
    assert_eq!(members, wanted);
    assert!(
        hooks[0].text().starts_with(&format!("{{\"id\":\"{}\",\"type\":", hooks[0].event_id()))
    );
    assert_eq!(created["event"], "created");
    assert_eq!(created["schema_version"], 1);
    assert_eq!(created["model"], json!({"app": "store", "name": "Order", "label": "store.Order"}));
    let row =
        json!({"id": "9007199254740993", "status": "new", "total": "299.90", "updated_by": 7});
    assert_eq!(created["object"], row);
    assert_eq!(created["changes"], Value::Null);
    assert_eq!(created["user"], json!({"id": 7}), "in the column's form");
    let paid = json!({"status": {"old": "new", "new": "paid"}});
    assert_eq!(hooks[1].json()["changes"], paid, "and what changes nothing is not sent");
    let nulled = json!({"total": {"old": "299.90", "new": null}});
    assert_eq!(hooks[2].json()["changes"], nulled);
    assert_eq!(hooks[2].json()["user"], json!({"id": "1", "username": "admin"}));
    assert_eq!(hooks[3].object()["status"], "paid", "the old row, whole");
    let mut ids: Vec<_> = hooks.iter().map(Hook::event_id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // 45 of the 48 bits of the time in ms; within one the order is not the ids' business.
    assert!(ids.is_sorted_by_key(|id| &id[4..13]), "{ids:?}");
    world.daemon.stop().await;
}

#[tokio::test]
async fn identities_and_toast_decide_what_is_known_and_nothing_is_made_up() {
    let world = World::new(
        "create table keyed (id int primary key, n int, doc text); \
         create table whole (id int primary key, n int, doc text); \
         alter table keyed alter column doc set storage external; \
         alter table whole alter column doc set storage external",
        &[],
        "[models.\"x.Keyed\"]\ntable = \"public.keyed\"\nold_values = false\n\
         [models.\"x.Whole\"]\ntable = \"public.whole\"\n",
        "",
    )
    .await;
    let hooks = world
        .after(
            "insert into keyed values (1, 1, repeat('x', 9000)); update keyed set n = 2; \
             update keyed set id = 2; delete from keyed; \
             insert into whole values (1, 1, repeat('x', 9000)); update whole set n = 2; \
             delete from whole",
        )
        .await;
    let long = "x".repeat(9000);
    assert_eq!(hooks[1].object(), json!({"id": 1, "n": 2}));
    let updated = hooks[1].json();
    assert_eq!(updated["unavailable"], json!(["doc"]), "never null, never a placeholder");
    assert_eq!((&updated["changes"], &updated["changes_complete"]), (&json!({}), &json!(false)));
    assert_eq!(hooks[2].json()["changes"], json!({"id": {"old": 1, "new": 2}}));
    assert_eq!(hooks[3].object(), json!({"id": 2}), "a delete has the key, the rest is absent");
    assert_eq!(hooks[5].object(), json!({"id": 1, "n": 2, "doc": long}), "filled from the old row");
    let updated = hooks[5].json();
    assert_eq!(updated["changes"], json!({"n": {"old": 1, "new": 2}}));
    assert!(updated.get("changes_complete").is_none() && updated.get("unavailable").is_none());
    assert_eq!(hooks[6].object(), json!({"id": 1, "n": 2, "doc": long}));
    world.daemon.stop().await;
}

#[tokio::test]
async fn types_arrive_in_their_json_forms_whatever_the_settings_say() {
    let world = World::new(
        "create type mood as enum ('fine', 'so, so'); create type pair as (a int, b text); \
         create domain positive as int check (value > 0); \
         create table t (id int primary key, b bool, i8 bigint, n numeric, f float8, ts timestamp, \
         tz timestamptz, d date, iv interval, j json, jb jsonb, by bytea, a int[], aa text[][], \
         m mood, p pair, po positive, u uuid, r int4range, i inet, c char(5))",
        &["public.t"],
        "",
        "",
    )
    .await;
    let settings = format!(
        "alter database {} set datestyle = 'SQL, DMY'; \
         alter database {} set intervalstyle = 'sql_standard'; \
         alter database {} set bytea_output = 'escape'; \
         alter database {} set timezone = 'Asia/Tokyo'; \
         alter database {} set extra_float_digits = 0",
        world.database.name,
        world.database.name,
        world.database.name,
        world.database.name,
        world.database.name
    );
    world.database.execute(&settings).await;
    // The daemon's sessions begin anew.
    let World { database, hooks, site, daemon } = world;
    daemon.stop().await;
    let daemon = site.run().await;
    let world = World { database, hooks, site, daemon };
    let hooks = world
        .after(
            r#"insert into t values (1, true, -9223372036854775808, 'NaN', 0.1, '2026-01-16 12:30:00.5',
               '2026-01-16 12:30:00+02', '2026-01-16', '1 day 2 hours', '{"b": 1.10, "a": 1, "a": 2}',
               '{"b": 1.10, "a": 1}', '\x00ff', '[2:3]={1,NULL}', '{{"a,b","{}"},{"\"","NULL"}}',
               'so, so', '(1,"x,y")', 7, '01234567-89ab-cdef-0123-456789abcdef', '[1,5)', '10.0.0.1', 'ab');
               insert into t (id, f, tz, n) values (2, '-Infinity', 'infinity', 1.10)"#,
        )
        .await;
    let text = hooks[0].text();
    let object = &text[text.find("\"object\":").unwrap()..text.find(",\"changes\"").unwrap()];
    assert_eq!(
        object,
        r#""object":{"id":1,"b":true,"i8":"-9223372036854775808","n":"NaN","f":0.1,"ts":"2026-01-16T12:30:00.5","tz":"2026-01-16T10:30:00Z","d":"2026-01-16","iv":"P1DT2H","j":{"b": 1.10, "a": 1, "a": 2},"jb":{"a": 1, "b": 1.10},"by":"AP8=","a":[1,null],"aa":[["a,b","{}"],["\"","NULL"]],"m":"so, so","p":"(1,\"x,y\")","po":7,"u":"01234567-89ab-cdef-0123-456789abcdef","r":"[1,5)","i":"10.0.0.1","c":"ab   "}"#
    );
    let odd = hooks[1].object();
    assert_eq!(
        (&odd["f"], &odd["tz"], &odd["n"]),
        (&json!("-Infinity"), &json!("infinity"), &json!("1.10"))
    );
    assert_eq!(odd["b"], Value::Null);
    world.daemon.stop().await;
}

#[tokio::test]
async fn transactions_come_whole_in_commit_order_and_what_was_undone_never_does() {
    let world = World::new(
        "create table t (id int primary key, n int); create table silent (id int)",
        &["public.t"],
        "",
        "",
    )
    .await;
    let late = world.database.connect().await;
    late.client.batch_execute("begin; insert into t values (1, 1)").await.unwrap();
    let hooks = world
        .after(
            "begin; insert into t values (2, 2); savepoint s; insert into t values (99, 0); \
             rollback to s; insert into t values (3, 3); commit; \
             begin; insert into t values (98, 0); rollback; \
             insert into silent values (1); \
             create temporary table temporary (id int); insert into temporary values (1)",
        )
        .await;
    assert_eq!(hooks.iter().map(|h| h.number("id")).collect::<Vec<_>>(), [2, 3]);
    let before = world.hooks.len();
    late.client.batch_execute("insert into t values (4, 4); commit").await.unwrap();
    let hooks = world.since(before).await;
    assert_eq!(hooks.iter().map(|h| h.number("id")).collect::<Vec<_>>(), [1, 4], "commit order");
    let hooks = world
        .after(
            "copy t from program 'seq 100 149 | sed \"s/$/\\t1/\"'; \
             begin; select walhook.emit('mfa.failed', '{\"tries\": 3}'); \
             insert into t values (5, 5); commit; truncate t",
        )
        .await;
    let copied: Vec<_> = hooks[..50].iter().map(|h| h.number("id")).collect();
    assert_eq!(copied, (100..150).collect::<Vec<_>>());
    let mut ids: Vec<_> = hooks.iter().map(Hook::event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), hooks.len(), "rows of one COPY have ids of their own");
    assert_eq!(types(&hooks[50..]), ["mfa.failed", "t.created"]);
    let custom = hooks[50].json();
    assert_eq!(custom["event"], "custom");
    assert_eq!((&custom["model"], &custom["changes"]), (&Value::Null, &Value::Null));
    assert_eq!(custom["object"], json!({"tries": 3}));
    world.daemon.stop().await;
}

#[tokio::test]
async fn ddl_while_running_shows_from_its_place_on() {
    let world = World::new(
        "create table t (id int primary key, a text); create table later (id int primary key)",
        &["public.t"],
        "",
        "",
    )
    .await;
    let hooks = world
        .after(
            "insert into t values (1, 'x'); \
             begin; alter table t add column b int default 7; insert into t values (2, 'x'); commit; \
             alter table t rename column a to c; insert into t values (3, 'x', 8); \
             alter table t drop column c; insert into t values (4, 9); \
             alter table t alter column b type text using b::text; update t set b = 'y' where id = 4",
        )
        .await;
    assert_eq!(
        objects(&hooks),
        [
            json!({"id": 1, "a": "x"}),
            json!({"id": 2, "a": "x", "b": 7}),
            json!({"id": 3, "c": "x", "b": 8}),
            json!({"id": 4, "b": 9}),
            json!({"id": 4, "b": "y"}),
        ]
    );
    let World { database, hooks, site, daemon } = world;
    // A table more in the configuration: init adds it, a restart knows it.
    let config = endpoint("crm", &hooks.url("/"), "ordering = \"endpoint\"");
    let site = {
        drop(site);
        Site::new(&database, &["public.t", "public.later"], &config)
    };
    site.init().await;
    daemon.stop().await;
    let daemon = site.run().await;
    let world = World { database, hooks, site, daemon };
    let hooks = world.after("insert into later values (1); insert into t values (5, 'z')").await;
    assert_eq!(types(&hooks), ["later.created", "t.created"]);
    // Out of the publication, out of sight.
    let hooks = world
        .after("alter publication walhook drop table later; insert into later values (2)")
        .await;
    assert_eq!(types(&hooks), Vec::<&str>::new());
    world.daemon.stop().await;
}

#[tokio::test]
async fn a_renamed_hidden_column_holds_the_tables_events_and_leaks_nothing() {
    const HIDING: &str = "exclude_fields = { \"public.people\" = [\"ssn\"] }\n\
                          redact_fields = { \"public.people\" = { email = \"***\" } }";
    let world = World::new(
        "create table people (id int primary key, email text, ssn text); \
         create table t (id int primary key); alter table people replica identity full",
        &["public.people", "public.t"],
        "",
        HIDING,
    )
    .await;
    let hooks = world.after("insert into people values (1, 'canary-1', 'canary-2')").await;
    assert_eq!(objects(&hooks), [json!({"id": 1, "email": "***"})]);
    let hooks = world
        .after(
            "alter table people rename column email to mail; \
             alter table people rename column ssn to tax_id; \
             insert into people values (2, 'canary-3', 'canary-4'); \
             update people set mail = 'canary-5' where id = 1; insert into t values (1)",
        )
        .await;
    assert_eq!(types(&hooks), ["t.created"], "other tables flow");
    world
        .database
        .becomes_true("select count(*) = 2 from walhook.webhook_log where status = 'held'")
        .await;
    let alerts: i64 = world
        .database
        .query_one("select count(*) from walhook.alert where kind = 'column_missing'", &[])
        .await;
    assert!(alerts >= 1);
    let World { database, hooks, site, daemon } = world;
    let log = daemon.stop().await;
    site.configure(&endpoint(
        "crm",
        &hooks.url("/"),
        &("ordering = \"endpoint\"\n".to_owned()
            + &HIDING.replace("\"ssn\"", "\"tax_id\"").replace("email", "mail")),
    ));
    let daemon = site.run().await;
    let world = World { database, hooks, site, daemon };
    let hooks = world.after("insert into people values (3, 'canary-6', 'canary-7')").await;
    assert_eq!(types(&hooks), ["people.created", "people.updated", "people.created"]);
    let kept: String = world
        .database
        .query_one(
            "select coalesce(string_agg(encode(payload, 'escape'), ''), '') from walhook.attempt",
            &[],
        )
        .await;
    let sent: String = world.hooks.all().iter().map(|hook| hook.text().to_owned()).collect();
    for (name, text) in [("log", log), ("kept", kept), ("sent", sent)] {
        assert!(!text.contains("canary"), "{name}: {text}");
    }
    world.daemon.stop().await;
}

#[tokio::test]
async fn partitions_belong_to_their_root_and_truncate_tells_once() {
    let world = World::new(
        "create table sale (id int, day date, primary key (id, day)) partition by range (day); \
         create table sale_1 partition of sale for values from ('2026-01-01') to ('2026-02-01'); \
         create table sale_2 partition of sale for values from ('2026-02-01') to ('2026-03-01')",
        &[],
        "[models.\"shop.Sale\"]\ntable = \"public.sale\"\n\
         events = [\"created\", \"updated\", \"deleted\", \"truncated\"]\n",
        "",
    )
    .await;
    let hooks = world
        .after(
            "insert into sale values (1, '2026-01-05'), (2, '2026-02-05'); \
             update sale set day = '2026-02-06' where id = 1; truncate sale",
        )
        .await;
    assert_eq!(
        types(&hooks),
        ["sale.created", "sale.created", "sale.deleted", "sale.created", "sale.truncated"]
    );
    assert!(hooks.iter().all(|hook| hook.json()["model"]["label"] == "shop.Sale"));
    assert_eq!(hooks[4].json()["object"], Value::Null);
    let hooks = world
        .after(
            "alter table sale detach partition sale_2; insert into sale_2 values (3, '2026-02-07'); \
             drop table sale_1",
        )
        .await;
    assert_eq!(types(&hooks), Vec::<&str>::new(), "detached is silent, dropped deletes nothing");
    world.daemon.stop().await;
}

#[tokio::test]
async fn an_idle_database_releases_the_wal_that_others_write() {
    let world = World::new(
        "create table t (id int primary key); create table busy (n int)",
        &["public.t"],
        "",
        "",
    )
    .await;
    world.after("insert into t values (1)").await;
    let now: String =
        world.database.query_one("select pg_current_wal_insert_lsn()::text", &[]).await;
    world.database.execute("insert into busy select generate_series(1, 20000)").await;
    world
        .database
        .becomes_true(&format!(
            "select confirmed_flush_lsn > pg_lsn('{now}') + 500000 from pg_replication_slots \
             where slot_name = '{}'",
            world.database.name
        ))
        .await;
    world.daemon.stop().await;
}
