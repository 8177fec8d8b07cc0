//! Conditions at work: the built daemon on PostgreSQL, from a committed change to what arrives,
//! or does not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Daemon, Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::pg::{Database, Pg};

const TABLES: &str = "
    create table inventory (id int primary key, name text, quantity int, reorder_level int);
    create table orders (id int primary key, status text, total numeric, parts int)";

const MODELS: &str = r#"
[models."store.Inventory"]
table = "public.inventory"

[models."store.Order"]
table = "public.orders"
condition = "event <> 'updated' or new.status <> 'draft'"

[[event_types]]
name = "inventory.low_stock"
model = "store.Inventory"
on = ["updated"]
condition = "new.quantity <= new.reorder_level and old.quantity > old.reorder_level"
"#;

struct World {
    database: Database,
    site: Site,
    hooks: Hooks,
    daemon: Daemon,
}

impl World {
    /// Endpoint `/a` has these lines; `/end` hears of custom events only.
    async fn new(lines: &str) -> Self {
        let database = Pg::shared().database().await;
        database.execute(TABLES).await;
        let hooks = Hooks::ok().await;
        let site = Site::new(&database, &[], &config(&hooks, lines));
        let daemon = site.up().await;
        Self { database, site, hooks, daemon }
    }

    /// Runs the statements and returns what `/a` gets of them.
    async fn after(&self, sql: &str) -> Vec<Hook> {
        let before = self.hooks.at("/a").len();
        self.database.execute(sql).await;
        self.database.execute("select walhook.emit('test.end', '{}')").await;
        let ended = move |hooks: &[Hook]| {
            hooks.iter().filter(|h| h.path() == "/a").skip(before).any(is_end)
        };
        self.hooks.until(ended).await;
        let hooks = self.hooks.at("/a").into_iter().skip(before);
        hooks.filter(|hook| !is_end(hook)).collect()
    }
}

fn config(hooks: &Hooks, lines: &str) -> String {
    let lines = format!("ordering = \"endpoint\"\n{lines}");
    format!("{MODELS}{}", endpoint("a", &hooks.url("/a"), &lines))
}

fn is_end(hook: &Hook) -> bool {
    hook.event_type() == "test.end"
}

fn told(hooks: &[Hook]) -> Vec<String> {
    hooks.iter().map(|hook| format!("{} {}", hook.event_type(), hook.number("id"))).collect()
}

#[tokio::test]
async fn a_threshold_crossed_is_an_event_of_its_own_beside_the_update() {
    let world = World::new("").await;
    world.database.execute("insert into inventory values (1, 'bolt', 10, 5)").await;
    let hooks = world
        .after(
            "update inventory set quantity = 6; update inventory set quantity = 5; \
             update inventory set quantity = 4; update inventory set quantity = null",
        )
        .await;
    let expected = [
        "inventory.created 1",
        "inventory.updated 1",
        "inventory.updated 1",
        "inventory.low_stock 1",
        "inventory.updated 1",
        "inventory.updated 1",
    ];
    assert_eq!(told(&hooks), expected);
    let (base, derived) = (&hooks[2], &hooks[3]);
    assert_ne!(base.event_id(), derived.event_id());
    let json = derived.json();
    assert_eq!((&json["type"], &json["event"]), (&"inventory.low_stock".into(), &"updated".into()));
    assert_eq!(json["changes"], base.json()["changes"]);
    world.daemon.stop().await;
}

#[tokio::test]
async fn patterns_choose_derived_types_by_name_and_words_do_not() {
    let world = World::new("events = [\"*.low_stock\", \"created\", \"custom\"]").await;
    let hooks = world
        .after("insert into inventory values (1, 'bolt', 10, 5); update inventory set quantity = 1")
        .await;
    assert_eq!(told(&hooks), ["inventory.created 1", "inventory.low_stock 1"]);
    world.daemon.stop().await;
}

#[tokio::test]
async fn what_a_models_or_an_endpoints_condition_does_not_select_is_not_sent() {
    let world = World::new("condition = \"coalesce(new.total, old.total) >= 100\"\nexclude_models = [\"store.Inventory\"]").await;
    let hooks = world
        .after(
            "insert into orders values (1, 'draft', 99.99, 1), (2, 'draft', 100.0, 1), (3, 'draft', null, 1); \
             update orders set parts = 2; update orders set status = 'paid' where id in (1, 2); \
             delete from orders",
        )
        .await;
    let expected = ["order.created 2", "order.updated 2", "order.deleted 2"];
    assert_eq!(told(&hooks), expected);
    world.daemon.stop().await;
}

#[tokio::test]
async fn where_old_values_are_unknown_the_update_is_sent_and_nothing_is_derived() {
    let world = World::new("condition = \"event <> 'updated' or old.quantity <> new.quantity\"\nexclude_models = [\"store.Order\"]").await;
    world.database.execute("insert into inventory values (1, 'bolt', 10, 5)").await;
    world.after("alter table inventory replica identity default").await;
    let hooks = world.after("update inventory set name = 'nut', quantity = 5").await;
    assert_eq!(told(&hooks), ["inventory.updated 1"], "it may have crossed the threshold, or not");
    world.database.execute("alter table inventory replica identity full").await;
    assert_eq!(told(&world.after("update inventory set name = 'bolt'").await), [""; 0]);
    world.daemon.stop().await;
}

#[tokio::test]
async fn enums_domains_and_collations_mean_in_the_daemon_what_they_mean_in_the_table() {
    let database = Pg::shared().database().await;
    database
        .execute(
            "create type mood as enum ('sad', 'ok'); create domain amount as numeric(12, 2); \
             create table items (id int primary key, mood mood, paid amount, code char(5), \
             name text collate \"C\")",
        )
        .await;
    let hooks = Hooks::ok().await;
    let lines = "condition = \"\"\"new.mood = 'ok' and new.paid = 1 and new.code = 'ab' \
                 and new.name < 'b' and lower(new.name) = 'a'\"\"\"";
    let site = Site::new(&database, &["public.items"], &endpoint("a", &hooks.url("/a"), lines));
    let daemon = site.up().await;
    database
        .execute(
            "insert into items values (1, 'sad', 1, 'ab', 'A'), (2, 'ok', 1.01, 'ab', 'A'), \
             (3, 'ok', 1, 'b', 'A'), (4, 'ok', 1, 'ab', 'ä'), (5, 'ok', 1, 'ab', 'A')",
        )
        .await;
    assert_eq!(told(&hooks.arrived(1).await), ["items.created 5"]);
    daemon.stop().await;
}

const UNDECIDED: &str = "none: its condition raised an error, so nobody knows whether it was to be sent; redeliver sends it";

#[tokio::test]
async fn a_condition_that_raises_fails_the_delivery_and_tells_once() {
    let world = World::new(
        "condition = \"new.total / new.parts > 10\"\nexclude_models = [\"store.Inventory\"]",
    )
    .await;
    let hooks = world
        .after("insert into orders values (1, 'new', 100, 1), (2, 'new', 100, 0), (3, 'new', 1, 0)")
        .await;
    assert_eq!(told(&hooks), ["order.created 1"]);
    let failed = "select count(*) = 2 from walhook.webhook_log where status = 'failed'";
    world.database.becomes_true(failed).await;
    let recovered = "select distinct action || ': ' || why_not from walhook.recover('a', '-infinity', dry_run => false)";
    let recovered: String = world.database.query_one(recovered, &[]).await;
    assert_eq!(recovered, UNDECIDED);
    let attempt = world
        .database
        .query("select error_class, error_message from walhook.webhook_attempt where error_class is not null", &[])
        .await;
    let words: Vec<(String, String)> = attempt.iter().map(|row| (row.get(0), row.get(1))).collect();
    let message = "the condition of the endpoint raises an error: division by zero".to_owned();
    assert_eq!(words, vec![("condition".to_owned(), message); 2]);
    let kept = "select payload -> 'object' ->> 'id' from walhook.webhook_log where status = 'failed' order by 1 limit 1";
    assert_eq!(world.database.query_one::<String>(kept, &[]).await, "2", "the body is kept");
    let alerts =
        "select count(*) from walhook.alert where kind = 'condition_error' and endpoint_name = 'a'";
    assert_eq!(world.database.query_one::<i64>(alerts, &[]).await, 1);
    let healthy = "select consecutive_failures = 0 from walhook.endpoint where name = 'a'";
    assert!(world.database.query_one::<bool>(healthy, &[]).await, "the receiver is not to blame");
    world.daemon.stop().await;
}

#[tokio::test]
async fn a_condition_that_no_longer_fits_its_table_holds_events_until_it_is_mended() {
    let World { database, site, hooks, daemon } =
        World::new("condition = \"new.total > 10\"\nexclude_models = [\"store.Inventory\"]").await;
    database.execute("alter table orders rename total to amount").await;
    database.execute("insert into orders values (1, 'new', 100, 1)").await;
    database
        .becomes_true(
            "select count(*) = 1 from walhook.pending where hold_reason = 'condition_unfit'",
        )
        .await;
    let told_of = "select message from walhook.alert where kind = 'condition_error'";
    let message: String = database.query_one(told_of, &[]).await;
    assert!(message.contains("there is no column total"), "{message}");
    daemon.stop().await;
    assert_eq!(hooks.len(), 0);
    site.configure(&config(
        &hooks,
        "condition = \"new.amount > 10\"\nexclude_models = [\"store.Inventory\"]",
    ));
    let daemon = site.run().await;
    assert_eq!(told(&hooks.arrived(1).await), ["order.created 1"]);
    daemon.stop().await;
}

#[tokio::test]
async fn check_names_every_condition_that_does_not_fit_and_postgresqls_reason() {
    let database = Pg::shared().database().await;
    database.execute(TABLES).await;
    database.execute("alter table orders add region text collate \"en-x-icu\"").await;
    let site = Site::new(&database, &[], MODELS);
    site.init().await;
    let (_, clean, _) = site.walhook(&["check"]).await;
    assert!(!clean.contains("condition"), "{clean}");
    let broken = MODELS
        .replace("new.status <> 'draft'", "new.state <> 'draft'")
        .replace("old.quantity > old", "old.name > old");
    let endpoints = [
        endpoint("a", "http://127.0.0.1:1/", "condition = \"new.total > 5\""),
        endpoint(
            "b",
            "http://127.0.0.1:1/",
            "include_models = [\"store.Order\"]\ncondition = \"new.region > 'a'\"",
        ),
        endpoint(
            "c",
            "http://127.0.0.1:1/",
            "include_models = [\"store.Order\"]\ncondition = \"new.total\"",
        ),
        endpoint(
            "d",
            "http://127.0.0.1:1/",
            "include_models = [\"store.Order\"]\ncondition = \"lower(new.status) = 'a' and 1 / 0 = 1\"",
        ),
    ];
    site.configure(&(broken + &endpoints.concat()));
    let (status, out, err) = site.walhook(&["check"]).await;
    let said = out + &err;
    assert_eq!(status.code(), Some(2), "{said}");
    for expected in [
        "column new.state does not exist",
        "operator does not exist: text > integer",
        "column new.total does not exist",
        "argument of WHERE must be type boolean, not type numeric",
        "the order of texts depends on a collation",
        "a part of the condition always raises an error",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
